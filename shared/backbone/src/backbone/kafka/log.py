"""A member of a consumer group, that hands out nothing before it is known where to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from backbone.kafka.clients import abandon, bounded, onlooker
from backbone.kafka.reading import Reading, place_of
from backbone.messages import Gained, Incoming, KafkaAway, Lost, OffsetGone, Place

CONSUMER_SETTINGS: Final[dict[str, Any]] = {
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 2_000,
    "max_poll_interval_ms": 120_000,
    "max_partition_fetch_bytes": 4_194_304,
    "metadata_max_age_ms": 30_000,  # how long a topic that was re-created may go unnoticed
}


MOST_UNPLACED: Final = 100
"""Reads in a row that may find a partition whose place is not set yet: about five seconds."""


SHARING: Final = 20.0
"""Seconds that Kafka may take to share out partitions when a member died: its session, then the others' answers."""

T = TypeVar("T")


class KafkaLog:
    """A member of a consumer group. Kafka shares out the partitions; where to go on is the database's word.

    Until that word is there nothing of a partition is handed out: Kafka's client would begin by itself where the group
    once told Kafka it was.
    """

    def __init__(self, servers: str, topics: Sequence[str], group: str, instance: str, timeout: float) -> None:
        self._servers, self._topics, self._group, self._instance = servers, topics, group, instance
        self._timeout = timeout
        self._consumer: AIOKafkaConsumer | None = None
        self._placed: set[Place] = set()
        self._failure: Exception | None = None
        self._unplaced = 0

    async def start(self, gained: Gained, lost: Lost) -> None:
        """Join the group. `gained` and `lost` are called at every redistribution."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            group_id=self._group,
            group_instance_id=self._instance or None,
            client_id=self._instance or self._group,
            request_timeout_ms=int(self._timeout * 1000),
            **CONSUMER_SETTINGS,
        )
        consumer.subscribe(self._topics, listener=_Listener(self, gained, lost))
        self._consumer, self._reading = consumer, Reading(consumer, self._timeout)
        await bounded(consumer.start(), self._timeout + SHARING, "join the group")

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        """Messages by partition, of these partitions or of all, waiting up to `wait` seconds for the first.

        Raises OffsetGone, KafkaAway, and whatever `gained` raised.
        """
        if self._failure is not None:
            raise self._failure
        if self._consumer is None:
            raise KafkaAway("the consumer is stopped")
        wanted = [TopicPartition(one.topic, one.partition) for one in only]
        try:
            read = await self._reading.many(wait, most, wanted, SHARING)
            self._unplaced = 0
        except KafkaAway as away:
            read = await self._without_offset(away)
        return {place: messages for place, messages in read.items() if place in self._placed}

    async def position(self, place: Place) -> int:
        """The offset that is read next, past what was handed out and what is no message; 0 when it is not placed."""
        ours = self._ours(place)
        if ours is None or place not in self._placed:
            return 0
        at = int(await bounded(self._live.position(ours), self._timeout, "ask how far it is"))
        return at if place in self._placed else 0

    async def _without_offset(self, away: KafkaAway) -> dict[Place, list[Incoming]]:
        """Nothing for a moment while `gained` has yet to say where to go on; otherwise the failure as it was."""
        cause = away.__cause__
        if isinstance(cause, OffsetOutOfRangeError):
            gone = cause.args[0] if cause.args and isinstance(cause.args[0], dict) else {}
            raise OffsetGone((place_of(one), at) for one, at in gone.items()) from cause
        if not isinstance(cause, NoOffsetForPartitionError):
            raise away
        self._unplaced += 1
        if self._unplaced > MOST_UNPLACED:
            raise KafkaAway("nobody said where to go on") from cause
        await asyncio.sleep(0.05)
        return {}

    async def ends(self) -> dict[Place, int]:
        """The end of every partition that is ours."""
        mine = list(self._live.assignment())
        if not mine:
            return {}
        ends = await bounded(self._live.end_offsets(mine), self._timeout, "ask for the ends")
        return {place_of(place): end for place, end in ends.items()}

    async def recorded(self, positions: Mapping[Place, int]) -> dict[Place, datetime]:
        """When the next message of each of these positions was recorded, of as many as Kafka tells in time.

        Another client looks: this one may have to hand out others first.
        """
        found: dict[Place, datetime] = {}
        wanted = {TopicPartition(place.topic, place.partition): at for place, at in positions.items()}
        with suppress(KafkaAway, TimeoutError):
            async with onlooker(self._servers, self._timeout) as consumer, asyncio.timeout(self._timeout):
                consumer.assign(list(wanted))
                reading = Reading(consumer, self._timeout)
                for place, at in wanted.items():
                    consumer.seek(place, at)
                    reading.at[place] = at
                while len(found) < len(wanted):
                    for here, messages in (await reading.many(0.5, 500)).items():
                        consumer.pause(TopicPartition(here.topic, here.partition))
                        found.setdefault(here, messages[0].recorded_at)
        return found

    async def tell(self, positions: Mapping[Place, int]) -> None:
        """Tell Kafka where we are, for those who watch consumer groups. Nothing depends on it."""
        mine = self._live.assignment()
        told = {TopicPartition(one.topic, one.partition): at for one, at in positions.items()}
        told = {place: at for place, at in told.items() if place in mine}
        if told:
            with suppress(KafkaAway):
                await bounded(self._live.commit(told), self._timeout, "tell the position")

    def pause(self, place: Place) -> None:
        """Read no more of a partition for now, if it is ours. A redistribution ends every pause."""
        if (ours := self._ours(place)) is not None:
            self._live.pause(ours)

    def resume(self, place: Place) -> None:
        """Read a paused partition again, if it is ours."""
        if (ours := self._ours(place)) is not None:
            self._live.resume(ours)

    def seek(self, place: Place, offset: int) -> None:
        """Go on at this offset, if the partition is ours."""
        if (ours := self._ours(place)) is not None:
            self._live.seek(ours, offset)
            self._reading.at[ours] = offset

    def _ours(self, place: Place) -> TopicPartition | None:
        partition = TopicPartition(place.topic, place.partition)
        return partition if partition in self._live.assignment() else None

    async def stop(self) -> None:
        """Leave, within the time-out even when Kafka does not answer."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await abandon(consumer.stop(), self._timeout)

    @property
    def _live(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise KafkaAway("the consumer is stopped")
        return self._consumer

    async def take_back(self, places: set[Place], lost: Lost) -> None:
        """Partitions go to others: hand out no more of them, and wait until nothing is in work."""
        self._placed -= places
        await self._or_fail(lost(places))

    async def place(self, places: set[Place], gained: Gained) -> None:
        """Partitions are ours now: hand them out once it is known where to go on."""
        for place, offset in (await self._or_fail(gained(places)) or {}).items():
            self.seek(place, offset)
            self._placed.add(place)

    async def _or_fail(self, answer: Awaitable[T]) -> T | None:
        """Kafka's client only logs what fails while it redistributes; here the next read raises it."""
        try:
            return await answer
        except Exception as error:
            self._failure = error
            return None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    def __init__(self, source: KafkaLog, gained: Gained, lost: Lost) -> None:
        self._source, self._gained, self._lost = source, gained, lost

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._source.take_back({place_of(one) for one in revoked}, self._lost)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._source.place({place_of(one) for one in assigned}, self._gained)
