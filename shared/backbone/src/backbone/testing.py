"""The twin in memory of what `backbone.kafka` gives: for tests alone, and proved against Kafka by one shared suite.

It has topics, partitions and offsets; groups that share partitions out anew whenever somebody joins or leaves, to
everybody and at once; members that hand out nothing before they were told where to go on; and it can be away.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from backbone.messages import Gained, Incoming, KafkaAway, Lost, OffsetGone, Outgoing, Place

LOOK: Final = 0.02
"""Seconds between two looks for new messages."""


@dataclass
class Partition:
    """One partition: its messages, and how many of the oldest are gone."""

    messages: list[Incoming] = field(default_factory=list)
    first: int = 0
    marks: set[int] = field(default_factory=set)
    """Offsets at which there is no message but a transaction's end."""

    @property
    def end(self) -> int:
        """The offset that the next message gets."""
        return self.first + len(self.messages)


class Broker:
    """Topics and groups in memory."""

    def __init__(self) -> None:
        self.away = False
        """While this is set nothing can be sent, joined or asked, and nothing is read."""
        self.told: dict[tuple[str, Place], int] = {}
        """The positions that groups told."""
        self._partitions: dict[Place, Partition] = {}
        self._topics: dict[str, int] = {}
        self._groups: defaultdict[str, _Group] = defaultdict(_Group)

    def create(self, topic: str, partitions: int = 1) -> None:
        """A new topic without messages."""
        self._topics[topic] = partitions
        self._partitions |= {Place(topic, number): Partition() for number in range(partitions)}

    def has(self, topics: Collection[str]) -> bool:
        """Whether all of these topics are there."""
        return set(topics) <= self._topics.keys()

    def append(self, message: Outgoing) -> Incoming:
        """Write a message to the partition of its key; as it will be read. Raises KafkaAway."""
        self.require_here()
        if message.topic not in self._topics:
            raise KafkaAway(f"there is no topic {message.topic}")
        place = Place(message.topic, zlib.crc32(message.key) % self._topics[message.topic])
        partition = self._partitions[place]
        written = Incoming(
            message.topic,
            place.partition,
            partition.end,
            message.key,
            message.value,
            tuple(message.headers),
            message.at,
        )
        partition.messages.append(written)
        return written

    def end_transaction(self, topic: str) -> None:
        """Mark the end of a producer's transaction in every partition, as Kafka does: an offset without a message."""
        for place in self.places([topic]):
            partition = self._partitions[place]
            partition.marks.add(partition.end)
            partition.messages.append(Incoming(place.topic, place.partition, partition.end, None, None, (), 0))

    def trim(self, place: Place, before: int) -> None:
        """Forget a partition's messages before an offset, as retention does."""
        partition = self._partitions[place]
        del partition.messages[: before - partition.first]
        partition.first = before

    def places(self, topics: Sequence[str]) -> list[Place]:
        """Every partition of these topics, in order."""
        return [Place(topic, number) for topic in sorted(topics) for number in range(self._topics[topic])]

    def partition(self, place: Place) -> Partition:
        """A partition, to look into."""
        return self._partitions[place]

    def group(self, name: str) -> _Group:
        """A consumer group."""
        return self._groups[name]

    def require_here(self) -> None:
        """Raise KafkaAway while the broker is away."""
        if self.away:
            raise KafkaAway("the broker is away")

    async def beginnings(self, places: set[Place]) -> dict[Place, int]:
        """The first offset each partition still holds. Raises KafkaAway."""
        self.require_here()
        return {place: self._partitions[place].first for place in places}


class _Group:
    def __init__(self) -> None:
        self._members: list[TwinLog] = []
        self._sharing = asyncio.Lock()

    async def join(self, member: TwinLog) -> None:
        async with self._sharing:
            self._members.append(member)
            await self._share()

    async def leave(self, member: TwinLog) -> None:
        async with self._sharing:
            if member in self._members:
                self._members.remove(member)
                await self._share()

    async def _share(self) -> None:
        """Everybody gives everything back, then every topic is dealt in ranges to the members that are left."""
        for member in self._members:
            await member.give_back()
        dealt: dict[TwinLog, set[Place]] = {member: set() for member in self._members}
        for topic in sorted({topic for member in self._members for topic in member.topics}):
            wanting = [member for member in self._members if topic in member.topics]
            places = self._members[0].broker.places([topic])
            share, more = divmod(len(places), len(wanting))
            begin = 0
            for number, member in enumerate(wanting):
                end = begin + share + (number < more)
                dealt[member] |= set(places[begin:end])
                begin = end
        for member in self._members:
            await member.receive(dealt[member])


class TwinLog:
    """A member of a group: `backbone.kafka.log.KafkaLog` in memory. It leaves its group at once when it stops."""

    def __init__(self, broker: Broker, topics: Sequence[str], group: str) -> None:
        self.broker, self.topics = broker, tuple(topics)
        self._group = broker.group(group)
        self._name = group
        self._gained: Gained | None = None
        self._lost: Lost | None = None
        self._mine: set[Place] = set()
        self._positions: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self._failure: Exception | None = None

    async def start(self, gained: Gained, lost: Lost) -> None:
        """Join the group. Raises KafkaAway."""
        self.broker.require_here()
        self._gained, self._lost = gained, lost
        await self._group.join(self)

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        """Messages by partition, of these partitions or of all, waiting up to `wait` seconds for the first.

        Raises OffsetGone, KafkaAway, and whatever `gained` raised.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            self._require_live()
            if self._failure is not None:
                raise self._failure
            read = {} if self.broker.away else self._take(most, only or self._positions.keys())
            left = deadline - loop.time()
            if read or left <= 0:
                return read
            await asyncio.sleep(min(LOOK, left))

    async def position(self, place: Place) -> int:
        """The offset that is read next, past what was handed out and what is no message; 0 when it is not ours."""
        self._require_live()
        return self._past_marks(place) if place in self._positions else 0

    def _past_marks(self, place: Place) -> int:
        partition = self.broker.partition(place)
        while self._positions[place] in partition.marks:
            self._positions[place] += 1
        return self._positions[place]

    def _take(self, most: int, only: Collection[Place]) -> dict[Place, list[Incoming]]:
        taken: dict[Place, list[Incoming]] = {}
        wanted = self._positions.keys() & set(only) - self._paused
        for place in sorted(wanted, key=lambda one: (one.topic, one.partition)):
            at, partition = self._past_marks(place), self.broker.partition(place)
            if not partition.first <= at <= partition.end:
                if taken:
                    continue
                raise OffsetGone([(place, at)])
            messages = [one for one in partition.messages[at - partition.first :] if one.offset not in partition.marks]
            messages = messages[:most]
            if messages:
                taken[place] = messages
                most -= len(messages)
                self._positions[place] = messages[-1].offset + 1
            if not most:
                break
        return taken

    async def ends(self) -> dict[Place, int]:
        """The end of every partition that is ours. Raises KafkaAway."""
        self._require_live()
        self.broker.require_here()
        return {place: self.broker.partition(place).end for place in self._mine}

    async def recorded(self, positions: Mapping[Place, int]) -> dict[Place, datetime]:
        """When the next message of each of these positions was recorded."""
        found = {}
        for place, at in positions.items():
            partition = self.broker.partition(place)
            following = partition.messages[max(0, at - partition.first) :]
            if following and not self.broker.away:
                found[place] = following[0].recorded_at
        return found

    async def tell(self, positions: Mapping[Place, int]) -> None:
        """Say where we are, for those who watch."""
        self._require_live()
        if not self.broker.away:
            self.broker.told |= {(self._name, place): at for place, at in positions.items() if place in self._mine}

    def pause(self, place: Place) -> None:
        """Read no more of a partition for now, if it is ours."""
        self._require_live()
        self._paused |= {place} & self._mine

    def resume(self, place: Place) -> None:
        """Read a paused partition again."""
        self._require_live()
        self._paused.discard(place)

    def seek(self, place: Place, offset: int) -> None:
        """Go on at this offset, if the partition is ours."""
        self._require_live()
        if place in self._mine:
            self._positions[place] = offset

    async def stop(self) -> None:
        """Leave the group."""
        self._gained = None
        self._forget()
        await asyncio.shield(self._group.leave(self))  # a group's others get their share, whoever is stopped meanwhile

    async def give_back(self) -> None:
        """Called by the group: all partitions go to whoever gets them next."""
        mine = set(self._mine)
        self._forget()
        if self._lost is not None:
            await self._lost(mine)

    async def receive(self, places: set[Place]) -> None:
        """Called by the group: these partitions are ours now."""
        self._mine = places
        try:
            if self._gained is not None:
                for place, at in (await self._gained(places)).items():
                    self.seek(place, at)
        except Exception as error:
            self._failure = error

    def _forget(self) -> None:
        self._mine, self._positions, self._paused = set(), {}, set()

    def _require_live(self) -> None:
        if self._gained is None:
            raise KafkaAway("the consumer is stopped")


class TwinProducer:
    """`backbone.kafka.producer.Producer` in memory, and its ways to fail."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.lose_after: int | None = None
        """Of the next call, write so many messages and then fail without having written the others."""
        self.sent: list[Incoming] = []

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Write all. Raises KafkaAway; then it is unknown which of them were written."""
        lose_after, self.lose_after = self.lose_after, None
        for number, message in enumerate(messages):
            if number == lose_after:
                raise KafkaAway("send: the connection broke")
            self.sent.append(self._broker.append(replace(message, headers=tuple(message.headers))))
        if messages and lose_after is not None and lose_after >= len(messages):
            raise KafkaAway("send: the last acknowledgement was lost")

    async def answers(self, topics: Collection[str]) -> bool:
        """Whether the broker is there and has these topics."""
        return not self._broker.away and self._broker.has(topics)

    async def stop(self) -> None:
        """Nothing to let go of."""
