"""How fast a relay sends a backlog: against a bare producer, and with a foreign transaction open."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from backbone.kafka.producer import Producer
from backbone.messages import Outgoing
from backbone.relay import Relay
from tests.benchmarks.ground import PATIENCE, Ground, Size, row, said


class Counting(Producer):
    """The relay's own producer, that says when so many were acknowledged."""

    def __init__(self, ground: Ground, wanted: int) -> None:
        super().__init__(ground.kafka, 30, "bench-relay")
        self._left, self.done = wanted, asyncio.Event()

    async def send(self, messages: Sequence[Outgoing]) -> None:
        await super().send(messages)
        self._left -= len(messages)
        if self._left <= 0:
            self.done.set()


async def drain(ground: Ground, messages: Sequence[Outgoing]) -> float:
    """Events a second of a backlog that waits in the outbox, from the relay's start to the last acknowledgement."""
    starts = ground.ends()
    producer = Counting(ground, len(messages))
    started = time.perf_counter()
    relay = asyncio.create_task(Relay(ground.address, producer, "bench", 30).run())
    try:
        async with asyncio.timeout(PATIENCE):
            await producer.done.wait()
        took = time.perf_counter() - started
        await asyncio.sleep(0.3)  # the last cursors move
    finally:
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await relay
        await producer.stop()
    await asyncio.to_thread(ground.require_all, starts, messages)
    return len(messages) / took


def produce(ground: Ground, messages: Sequence[Outgoing]) -> float:
    """Events a second of a bare producer that has them in memory."""
    starts = ground.ends()
    producer = ground.producer(**{"linger.ms": 5})
    started = time.perf_counter()
    for one in messages:
        producer.produce(one.topic, one.value, one.key, headers=list(one.headers), timestamp=one.at)
        producer.poll(0)
    producer.flush(PATIENCE)
    took = time.perf_counter() - started
    ground.require_all(starts, messages)
    return len(messages) / took


@asynccontextmanager
async def foreign(ground: Ground) -> AsyncIterator[None]:
    """Somebody else's transaction, open, with an event of its own."""
    connection = await ground.connect()
    try:
        await connection.execute("BEGIN")
        await connection.execute(
            "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *row(said(1)[0]),
        )
        yield
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()


def _made(count: int) -> list[Outgoing]:
    messages = said(count)
    gc.collect()
    gc.freeze()  # a relay's process holds no such heap, and no collector that walks it
    return messages


async def backlog(ground: Ground, size: Size, turn: int) -> dict[str, float]:
    """The relay and the bare producer, one after the other; which is first changes from round to round."""
    messages = _made(size.backlog)
    figures: dict[str, float] = {}

    async def ours() -> None:
        await ground.empty()
        await ground.fill(messages)
        figures["relay"] = await drain(ground, messages)

    async def bare() -> None:
        figures["bare producer"] = await asyncio.to_thread(produce, ground, messages)

    for arm in (ours, bare) if turn % 2 else (bare, ours):
        await arm()
    return figures


async def beside(ground: Ground, size: Size, turn: int) -> dict[str, float]:
    """The relay with a foreign transaction open, and without."""
    messages = _made(size.foreign)
    figures: dict[str, float] = {}

    async def alone() -> None:
        await ground.empty()
        await ground.fill(messages)
        figures["nothing else open"] = await drain(ground, messages)

    async def together() -> None:
        await ground.empty()
        async with foreign(ground):
            await ground.fill(messages)
            figures["foreign transaction open"] = await drain(ground, messages)

    for arm in (alone, together) if turn % 2 else (together, alone):
        await arm()
    return figures
