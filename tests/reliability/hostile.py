"""A plain client of Kafka that puts on the topics what no service would, and sees how far each has read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from reliefpath.envelope import Unattributable, read_attributes
from stack.kafka import MESSAGE_BYTES
from stack.ports import SERVICES
from tests.reliability.installation import Installation

TOPICS: Final = ("reliefpath.referral", "reliefpath.scheduling", "reliefpath.followup")
REFERRAL: Final = TOPICS[0]
READ_WITHIN: Final = 60.0

MALFORMED: Final[Sequence[Mapping[str, bytes | None]]] = (
    {"ce_specversion": b"0.3"},
    {"ce_id": b"\x00"},
    {"ce_seq": None},
    {"ce_seq": b"0"},
    {"ce_seq": b"99999999999999999999"},
    {"ce_seq": b"\xff\xfe"},
    {"ce_subject": str(uuid4()).encode()},
    {"ce_source": b"/reliefpath/directory"},
    {"ce_time": b"2026-11-27T09:00:00"},
    {"ce_actor": b"somebody"},
    {"surplus": b"\x1b[2J"},
)
"""What makes a stray of an event: headers that are changed, added or left out."""


@dataclass(frozen=True)
class Saying:
    """A message as it is put on a topic; without a partition its key chooses one."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
    at: int | None = None


def event(
    topic: str, stream: UUID, seq: int, type: str, value: bytes = b"{}", changed: Mapping[str, bytes | None] = {}
) -> Saying:
    """A message that the topic's speaker might have said; `changed` headers are put in, or left out when None."""
    headers: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": str(uuid4()).encode(),
        "ce_type": type.encode(),
        "ce_source": f"/{topic.replace('.', '/')}".encode(),
        "ce_subject": str(stream).encode(),
        "ce_time": b"2026-11-27T09:00:00+00:00",
        "ce_seq": str(seq).encode(),
        "ce_cause": b"request:0",
        "ce_actor": b"system:nobody",
        **changed,
    }
    given = tuple((name, text) for name, text in headers.items() if text is not None)
    return Saying(topic, str(stream).encode(), value, given)


def largest(saying: Saying) -> Saying:
    """The same with data as long as the broker takes; one byte more is refused."""
    begun = replace(saying, value=(saying.value or b"") + b" " * (MESSAGE_BYTES // 2))
    return replace(begun, value=(begun.value or b"") + b" " * (MESSAGE_BYTES - _size(begun)))


def strays(topic: str, chance: random.Random) -> list[Saying]:
    """Messages that belong to no stream."""
    known = f"{topic}.Anything.v1"
    return [
        Saying(topic, None, b""),
        Saying(topic, b"nobody", None),
        Saying(topic, b"nobody", b"{", (("ce_specversion", b"1.0"),)),
        Saying(topic, b"\xff\xfe", chance.randbytes(200), (("ce_id", b"\x00"), ("ce_seq", b"-1"))),
        largest(Saying(topic, b"big", b"", (("ce_specversion", b"1.0"),))),
        Saying(topic, b"big headers", b"", (("ce_specversion", chance.randbytes(900_000)),)),
        replace(event(topic, uuid4(), 1, known), key=b"another"),
        *(event(topic, uuid4(), 1, known, changed=changed) for changed in MALFORMED),
    ]


async def put(kafka: str, sayings: Iterable[Saying]) -> None:
    """Put messages on their topics, in this order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", max_request_size=2 * MESSAGE_BYTES)
    async with asyncio.timeout(60):
        await producer.start()
        try:
            sending = [
                await producer.send(
                    one.topic, one.value, one.key, one.partition, timestamp_ms=one.at, headers=list(one.headers)
                )
                for one in sayings
            ]
            await asyncio.gather(*sending)
        finally:
            await producer.stop()


async def said(kafka: str) -> list[Saying]:
    """All that the topics hold now and that belongs to a stream, each partition in its order."""
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=kafka, auto_offset_reset="earliest")
    found: list[Saying] = []
    async with asyncio.timeout(60):
        await consumer.start()
        try:
            left = dict(await consumer.end_offsets(list(consumer.assignment())))
            while left:
                for messages in (await consumer.getmany(timeout_ms=300)).values():
                    found += [one for one in map(_as_said, messages) if _is_of_a_stream(one)]
                left = {place: end for place, end in left.items() if await consumer.position(place) < end}
        finally:
            await consumer.stop()
    return found


async def until_read(installation: Installation) -> None:
    """Wait until every service has read all that the topics hold now. Raises TimeoutError."""
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=installation.kafka)
    async with asyncio.timeout(READ_WITHIN):
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
        await consumer.stop()
        for service in SERVICES:
            connection = await asyncpg.connect(installation.databases[service], timeout=10)
            try:
                while any(at < ends.get(place, 0) for place, at in await _read(connection)):
                    await asyncio.sleep(0.1)
            finally:
                await connection.close()


async def _read(connection: asyncpg.Connection[Any]) -> list[tuple[tuple[str, int], int]]:
    rows = await connection.fetch("SELECT topic, partition, next FROM backbone.offsets")
    return [((row["topic"], row["partition"]), row["next"]) for row in rows]


def _as_said(message: Any) -> Saying:
    return Saying(
        message.topic, message.key, message.value, tuple(message.headers), message.partition, message.timestamp
    )


def _is_of_a_stream(saying: Saying) -> bool:
    try:
        read_attributes(saying.topic, saying.key, saying.headers)
    except Unattributable:
        return False
    return True


def _size(saying: Saying) -> int:
    """Bytes that a message takes in a batch of its own, which is what the broker's limit counts."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2 * MESSAGE_BYTES)
    builder.append(0, 0, saying.key, saying.value, list(saying.headers))
    return len(builder.build())
