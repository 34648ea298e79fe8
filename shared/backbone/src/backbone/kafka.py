"""The only place that knows the Kafka client: safe settings, bounded waits, and no silent defaults.

The client's own defaults lose data (acks=1, no idempotence, automatic commits, start at the latest) and some of its
waits never end, so every client is made here and every call here has a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
)
from aiokafka.partitioner import murmur2

from backbone.messages import Gained, Incoming, KafkaAway, Lost, OffsetGone, Outgoing, Place

log = structlog.get_logger()

PRODUCER_SETTINGS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 0,
    "max_batch_size": 262_144,
    "max_request_size": 1_048_576,
    "compression_type": "lz4",
}
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


async def bounded(work: Awaitable[T], seconds: float, what: str) -> T:
    """The work's result, or KafkaAway when it takes longer or Kafka refuses."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (TimeoutError, KafkaError, OSError) as error:
        raise KafkaAway(f"{what}: {type(error).__name__}") from error


class Producer:
    """Sends messages in order and waits until all in-sync replicas have them."""

    def __init__(self, servers: str, timeout: float, client: str) -> None:
        self._servers, self._timeout, self._client = servers, timeout, client
        self._producer: AIOKafkaProducer | None = None

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all and wait for every acknowledgement. Raises KafkaAway; then it is unknown which of them arrived.

        After a failure the client is thrown away, as an idempotent one may never work again.
        """
        if not messages:
            return
        try:
            producer = await self._started()
            await bounded(self._send(producer, messages), self._timeout, "send")
        except BaseException:
            await self.stop()
            raise

    async def _send(self, producer: AIOKafkaProducer, messages: Sequence[Outgoing]) -> None:
        """Batches per partition, filled here: a message at a time the client spends most of its time on futures."""
        open_batches: dict[TopicPartition, Any] = {}
        full: list[tuple[TopicPartition, Any]] = []
        partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in {one.topic for one in messages}}
        for message in messages:
            there = partitions[message.topic]
            place = TopicPartition(message.topic, there[_hash(message.key) % len(there)])
            batch = open_batches.get(place)
            if batch is None or not _fits(batch, message):
                if batch is not None:
                    full.append((place, batch))
                batch = open_batches[place] = producer.create_batch()
                if not _fits(batch, message):
                    raise KafkaAway(f"a message of {len(message.value)} bytes fits into no batch")
        acknowledgements = [
            await producer.send_batch(batch, place.topic, partition=place.partition)
            for place, batch in [*full, *open_batches.items()]
        ]
        await asyncio.gather(*acknowledgements)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id=self._client,
                request_timeout_ms=int(self._timeout * 1000),
                **PRODUCER_SETTINGS,
            )
            self._producer = producer
            await bounded(producer.start(), self._timeout, "start a producer")
        return self._producer

    async def answers(self, topics: Collection[str]) -> bool:
        """Whether another client gets an answer about these topics, from the leader of every partition, in time."""
        try:
            async with _onlooker(self._servers, self._timeout, *topics) as consumer:
                places = list(consumer.assignment())
                await bounded(consumer.beginning_offsets(places), self._timeout, "ask for the beginnings")
        except KafkaAway:
            return False
        return True

    async def stop(self) -> None:
        """Let go of the client, within the time-out even when Kafka does not answer.

        What was acknowledged is there, so there is nothing to flush; a client that is left to flush while Kafka is away
        would stay for ever, with its connections.
        """
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(_let_go(producer), self._timeout + 1)


def _fits(batch: Any, message: Outgoing) -> bool:
    added = batch.append(timestamp=message.at, key=message.key, value=message.value, headers=list(message.headers))
    return added is not None


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    """What every Kafka client takes of a key to find its partition, so that ours meet others' messages there."""
    return int(murmur2(key)) & 0x7FFFFFFF


async def _let_go(producer: AIOKafkaProducer) -> None:
    """What the client's own stop does, without its flush."""
    producer._closed = True  # noqa: SLF001 - first, as in its own stop: it is given up even if the rest takes too long
    await producer.client.close()  # what is under way ends at once
    if producer._sender is not None:  # noqa: SLF001 - the client has no other way not to flush
        await producer._sender.close()  # noqa: SLF001
    await producer.client.close()


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
        self._consumer, self._reading = consumer, _Reading(consumer, self._timeout)
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
            raise OffsetGone((_place(one), at) for one, at in gone.items()) from cause
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
        return {_place(place): end for place, end in ends.items()}

    async def recorded(self, positions: Mapping[Place, int]) -> dict[Place, datetime]:
        """When the next message of each of these positions was recorded, of as many as Kafka tells in time.

        Another client looks: this one may have to hand out others first.
        """
        found: dict[Place, datetime] = {}
        wanted = {TopicPartition(place.topic, place.partition): at for place, at in positions.items()}
        with suppress(KafkaAway, TimeoutError):
            async with _onlooker(self._servers, self._timeout) as consumer, asyncio.timeout(self._timeout):
                consumer.assign(list(wanted))
                reading = _Reading(consumer, self._timeout)
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
            await _abandon(consumer.stop(), self._timeout)

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


class _Reading:
    """Reads with a client that decodes the names of headers, and fails for all partitions at the first that is no text.

    It has moved on by then in partitions of which it hands out nothing: what was really handed out is noted here.
    """

    def __init__(self, consumer: AIOKafkaConsumer, patience: float) -> None:
        self._consumer, self._patience = consumer, patience
        self.at: dict[TopicPartition, int] = {}

    async def many(
        self, wait: float, most: int, only: Collection[TopicPartition] = (), more_patience: float = 0
    ) -> dict[Place, list[Incoming]]:
        """Messages by partition. One that the client cannot read is handed out as unreadable, alone."""
        patience = wait + self._patience + more_patience
        reading = self._consumer.getmany(*only, timeout_ms=int(wait * 1000), max_records=most)
        try:
            read = await bounded(reading, patience, "read")
        except UnicodeDecodeError:
            return await self._one_of_each()
        return self._handed_out(read)

    async def _one_of_each(self) -> dict[Place, list[Incoming]]:
        found: dict[Place, list[Incoming]] = {}
        places = [place for place in self._consumer.assignment() if place in self.at]
        for place in places:
            self._consumer.seek(place, self.at[place])
        for place in places:
            if place in self._consumer.paused():
                continue
            try:
                reading = self._consumer.getmany(place, timeout_ms=500, max_records=1)
                found |= self._handed_out(await bounded(reading, self._patience, "read"))
            except UnicodeDecodeError:
                at = await bounded(self._consumer.position(place), self._patience, "ask how far it is")
                self._consumer.seek(place, at + 1)
                self.at[place] = at + 1
                why = "the name of a header is no text"
                found[_place(place)] = [Incoming(place.topic, place.partition, at, None, None, (), 0, why)]
        return found

    def _handed_out(self, read: Mapping[TopicPartition, Sequence[Any]]) -> dict[Place, list[Incoming]]:
        self.at |= {place: messages[-1].offset + 1 for place, messages in read.items()}
        return {_place(place): [_incoming(message) for message in messages] for place, messages in read.items()}


def _place(partition: TopicPartition) -> Place:
    return Place(partition.topic, partition.partition)


def _incoming(message: Any) -> Incoming:
    return Incoming(
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        tuple((name, value or b"") for name, value in message.headers),
        message.timestamp,
    )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    def __init__(self, source: KafkaLog, gained: Gained, lost: Lost) -> None:
        self._source, self._gained, self._lost = source, gained, lost

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._source.take_back({_place(one) for one in revoked}, self._lost)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._source.place({_place(one) for one in assigned}, self._gained)


async def _abandon(stopping: Coroutine[Any, Any, None], seconds: float) -> None:
    """Let a client stop, in a task of its own: its inner tasks' being cancelled must not look like ours."""
    task = asyncio.create_task(stopping)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        ended = task.done()
        task.cancel()
    error = "TimeoutError" if not ended else "CancelledError" if task.cancelled() else None
    if error is None and task.exception() is not None:
        error = type(task.exception()).__name__
    if error is not None:
        log.warning("a Kafka client did not stop in order", error=error)


@asynccontextmanager
async def _onlooker(servers: str, patience: float, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader that belongs to no group and begins at the beginning."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=servers,
        request_timeout_ms=int(patience * 1000),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    try:
        await bounded(consumer.start(), patience, "connect")
        yield consumer
    finally:
        await _abandon(consumer.stop(), patience)


async def beginnings(servers: str, places: Iterable[Place], patience: float) -> dict[Place, int]:
    """The first offset each partition still holds."""
    async with _onlooker(servers, patience) as consumer:
        wanted = [TopicPartition(one.topic, one.partition) for one in places]
        found = await bounded(consumer.beginning_offsets(wanted), patience, "ask for the beginnings")
        return {_place(one): offset for one, offset in found.items()}


async def replay(servers: str, topics: Sequence[str], most: int, patience: float) -> AsyncIterator[list[Incoming]]:
    """All that the topics hold, from their beginnings to their ends as they are now. Raises KafkaAway."""
    async with _onlooker(servers, patience, *topics) as consumer:
        places, reading = list(consumer.assignment()), _Reading(consumer, patience)
        left = await bounded(consumer.end_offsets(places), patience, "ask for the ends")
        reading.at |= await bounded(consumer.beginning_offsets(places), patience, "ask for the beginnings")
        while left:
            read = await reading.many(0.5, most)
            for messages in read.values():
                yield messages
            if not read:  # the client itself would wait for ever for a broker that is away
                await bounded(consumer.end_offsets(list(left)), patience, "ask whether it is there")
            for place in list(left):
                if await bounded(consumer.position(place), patience, "ask how far it is") >= left[place]:
                    del left[place]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is to be."""

    name: str
    partitions: int
    replicas: int


async def create_topics(servers: str, topics: Sequence[Topic], patience: float) -> list[str]:
    """Create the topics that are missing; the names of those created. Raises KafkaAway."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=int(patience * 1000))
    try:
        await bounded(admin.start(), patience, "connect")
        existing = set(await bounded(admin.list_topics(), patience, "list topics"))
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        answer = await bounded(admin.create_topics([_new_topic(topic) for topic in missing]), patience, "create topics")
        for name, code, *_ in answer.topic_errors:
            if code not in {0, TopicAlreadyExistsError.errno}:
                raise KafkaAway(f"the topic {name} was not created: error {code}")
        return [topic.name for topic in missing]
    finally:
        await _abandon(admin.close(), patience)


def _new_topic(topic: Topic) -> NewTopic:
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "min.insync.replicas": str(max(1, topic.replicas - 1)),
        "message.timestamp.type": "CreateTime",
    }
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replicas,
        topic_configs=settings,
    )
