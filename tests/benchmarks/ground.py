"""What every benchmark stands on: real servers that survive a power cut, databases, topics, and made-up events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import asyncpg
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from backbone.kafka.topics import Topic, create_topics
from backbone.messages import Outgoing
from backbone.migrate import upgrade
from backbone.outbox import bucket_of
from backbone.rows import new_id
from reliefpath.envelope import dump_headers
from reliefpath.events import Speaker, topic_of
from stack.keys import Keys
from stack.postgres import PostgreSQL
from tests.support.databases import Databases
from tests.support.servers import Servers
from tests.support.visiting.world import VISITING, Voice, received

PARTITIONS: Final = 6
PATIENCE: Final = 120.0
TOPIC: Final = topic_of(Speaker.REFERRAL)
COLUMNS: Final = ("bucket", "event", "topic", "stream", "seq", "headers", "data")


class Void(Exception):
    """A figure that counts for nothing: what was measured was not the work it claims to be."""


@dataclass(frozen=True)
class Size:
    """How much of everything one round takes."""

    backlog: int
    foreign: int
    seconds: float
    heard: int
    created: int


SIZES: Final = {
    "small": Size(backlog=20_000, foreign=20_000, seconds=4, heard=5_000, created=2_000),
    "full": Size(backlog=200_000, foreign=100_000, seconds=15, heard=20_000, created=10_000),
}


class Ground:
    """Servers and a migrated database of the visiting service, for one run."""

    def __init__(self) -> None:
        self.servers = Servers(durable=True)
        databases = Databases(self.servers)
        cluster, _ = self.servers.postgres
        assert isinstance(cluster, PostgreSQL)
        self.installation = cluster.installation
        self.address = databases.empty("referral")
        upgrade(VISITING, self.address)
        self.kafka = self.servers.kafka[0].address
        self.keys = Keys(self.servers.folder / "keys")
        self.keys.ensure()

    @property
    def folder(self) -> Path:
        """Where a benchmark may write."""
        return self.servers.folder

    async def topics(self) -> None:
        """The topics as a deployment has them."""
        await create_topics(self.kafka, [Topic(topic_of(one), PARTITIONS, 1) for one in Speaker], 30)

    async def connect(self) -> asyncpg.Connection[Any]:
        """A plain connection to the database."""
        return await asyncpg.connect(self.address)

    async def empty(self) -> None:
        """Nothing is in the outbox, and the relays' cursors have seen everything."""
        connection = await self.connect()
        try:
            await connection.execute("TRUNCATE backbone.outbox, backbone.streams, backbone.heard, marks, visits")
            await connection.execute(
                "UPDATE backbone.cursors SET seen = pg_current_snapshot(), target = NULL, sent = 0"
            )
        finally:
            await connection.close()

    async def fill(self, messages: Sequence[Outgoing]) -> None:
        """These are in the outbox, committed, and nobody has sent them."""
        connection = await self.connect()
        try:
            await connection.copy_records_to_table(
                "outbox", schema_name="backbone", columns=COLUMNS, records=[row(one) for one in messages]
            )
            await connection.execute("ANALYZE backbone.outbox")
        finally:
            await connection.close()

    def close(self) -> None:
        """Stop the servers."""
        self.servers.close()

    def producer(self, **settings: Any) -> Producer:
        """A bare producer that promises as much as ours."""
        return Producer(
            {
                "bootstrap.servers": self.kafka,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
                **settings,
            }
        )

    def reader(self, starts: dict[int, int]) -> Consumer:
        """A bare consumer of the topic from these offsets on."""
        consumer = Consumer(
            {"bootstrap.servers": self.kafka, "group.id": f"bench-{new_id()}", "enable.auto.commit": False,
             "fetch.wait.max.ms": 10}
        )  # fmt: skip
        consumer.assign([TopicPartition(TOPIC, partition, at) for partition, at in starts.items()])
        return consumer

    def ends(self) -> dict[int, int]:
        """The end of each partition of the topic."""
        consumer = self.reader({})
        try:
            return {
                partition: consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=30)[1]
                for partition in range(PARTITIONS)
            }
        finally:
            consumer.close()

    def require_all(self, starts: dict[int, int], messages: Sequence[Outgoing]) -> None:
        """Raise Void unless exactly these are in the topic since then, each stream in its order."""
        consumer = self.reader(starts)
        found: dict[bytes, list[int]] = {}
        try:
            deadline = time.monotonic() + PATIENCE
            for _ in messages:
                got = consumer.consume(1, timeout=max(0.0, deadline - time.monotonic()))
                if not got:
                    raise Void("not everything that was said arrived")
                [message] = got
                found.setdefault(message.key() or b"", []).append(int(header(message, "ce_seq")))
        finally:
            consumer.close()
        if found != places(messages) or sum(self.ends().values()) != sum(starts.values()) + len(messages):
            raise Void("what arrived is not what was said")


def header(message: Message, name: str) -> bytes:
    """A header's value."""
    # What was read has its headers in this form; the others are for what is to be sent.
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return next(value for one, value in headers if one == name and value is not None)


def places(messages: Iterable[Outgoing]) -> dict[bytes, list[int]]:
    """The `seq`s of each stream, in order."""
    found: dict[bytes, list[int]] = {}
    for one in messages:
        found.setdefault(one.key, []).append(int(dict(one.headers)["ce_seq"]))
    return found


def said(count: int, per_stream: int = 10) -> list[Outgoing]:
    """So many events, a few per stream and mixed, as they wait in an outbox."""
    voice, streams = Voice(), [new_id() for _ in range(max(1, count // per_stream))]
    return [voice.say(received(), streams[number % len(streams)]) for number in range(count)]


def row(message: Outgoing) -> tuple[Any, ...]:
    """A message as the row it was."""
    given, stream = dict(message.headers), UUID(message.key.decode())
    return (
        bucket_of(stream),
        UUID(given["ce_id"].decode()),
        message.topic,
        stream,
        int(given["ce_seq"]),
        dump_headers(message.headers),
        message.value,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share stays below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def doubled(messages: Sequence[Outgoing], every: int = 10) -> list[Outgoing]:
    """The messages with every so many-th sent twice."""
    return [one for number, message in enumerate(messages) for one in ([message] * (2 if number % every == 0 else 1))]
