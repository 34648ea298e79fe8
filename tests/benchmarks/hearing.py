"""How fast a consumer fills a read model, against one SQL statement per batch that writes the same rows."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from backbone.consumer import BATCH, Consumer
from backbone.database import Database
from backbone.hearing import Hearer
from backbone.kafka.log import KafkaLog
from backbone.messages import Outgoing, Place
from backbone.rows import new_id
from reliefpath.events import ReferralReceived
from tests.benchmarks.ground import PATIENCE, TOPIC, Ground, Size, Void, doubled, places, said
from tests.support.visiting.world import leave_mark

UPSERT = """
INSERT INTO marks (id, journey, seq, text) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[])
ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, text = excluded.text
"""


async def _require(ground: Ground, messages: list[Outgoing]) -> None:
    connection = await ground.connect()
    try:
        found: dict[bytes, list[int]] = {}
        for journey, seq in await connection.fetch("SELECT journey, seq FROM marks ORDER BY journey, seq"):
            found.setdefault(str(journey).encode(), []).append(seq)
    finally:
        await connection.close()
    if found != places(messages):
        raise Void("the read model does not hold what was said, once")


async def consume(ground: Ground, messages: list[Outgoing]) -> float:
    """Events a second of the real consumer: with duplicates, places in streams and offsets in the transaction.

    What comes a second time takes its time and counts for nothing.
    """
    starts = {Place(TOPIC, partition): at for partition, at in ground.ends().items()}
    producer, sent = ground.producer(), doubled(messages)
    for one in sent:
        producer.produce(one.topic, one.value, one.key, headers=list(one.headers), timestamp=one.at)
    producer.flush(PATIENCE)
    end = sum(starts.values()) + len(sent)
    group, database = f"bench-{new_id()}", Database(ground.address, connections=10, name="bench")
    connection = await ground.connect()
    await connection.execute("DELETE FROM backbone.offsets")

    async def first(_: set[Place]) -> dict[Place, int]:
        return starts

    consumer = Consumer(
        database,
        Hearer("visiting", {ReferralReceived: leave_mark}, tries=3),
        lambda: KafkaLog(ground.kafka, [TOPIC], group, "", 10),
        first,
        "visiting",
        30,
    )
    running = asyncio.create_task(consumer.run())
    try:
        async with asyncio.timeout(PATIENCE):
            while not await connection.fetchval("SELECT count(*) FROM marks"):
                await asyncio.sleep(0.002)
            begun, before = time.perf_counter(), await _read(connection)
            while await _read(connection) < end:
                await asyncio.sleep(0.01)
        took = time.perf_counter() - begun
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await connection.close()
        await database.close()
    await _require(ground, messages)
    return (end - before) / took * len(messages) / len(sent)


async def _read(connection: Any) -> int:
    return int(await connection.fetchval("SELECT coalesce(sum(next), 0) FROM backbone.offsets"))


async def write(ground: Ground, messages: list[Outgoing]) -> float:
    """Rows a second of plain upserts in batches as large, each a transaction of its own."""
    rows = [(new_id(), UUID(one.key.decode()), int(dict(one.headers)["ce_seq"]), "text") for one in messages]
    connection = await ground.connect()
    try:
        started = time.perf_counter()
        for begin in range(0, len(rows), BATCH):
            await connection.execute(
                UPSERT, *(list(column) for column in zip(*rows[begin : begin + BATCH], strict=True))
            )
        took = time.perf_counter() - started
    finally:
        await connection.close()
    await _require(ground, messages)
    return len(rows) / took


async def read_model(ground: Ground, size: Size, turn: int) -> dict[str, float]:
    """The consumer and the plain statement, one after the other."""
    messages = said(size.heard)
    figures: dict[str, float] = {}

    async def ours() -> None:
        await ground.empty()
        figures["consumer"] = await consume(ground, messages)

    async def bare() -> None:
        await ground.empty()
        figures["unnest upsert"] = await write(ground, messages)

    for arm in (ours, bare) if turn % 2 else (bare, ours):
        await arm()
    return figures
