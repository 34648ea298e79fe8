"""How long after its commit an event is with its consumer, against the commit and Kafka alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
import uvloop

from backbone.kafka.producer import Producer
from backbone.messages import Outgoing
from backbone.nudge import Nudge
from backbone.relay import Relay
from tests.benchmarks.ground import PATIENCE, Ground, Size, Void, header, percentile, row, said

RATE: Final = 500
WRITERS: Final = 16
INSERT: Final = (
    "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data) VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


class Ear:
    """A bare consumer in a thread of its own, that notes when each event came."""

    def __init__(self, ground: Ground) -> None:
        self.came: dict[bytes, float] = {}
        self._consumer, self._ends = ground.reader(ground.ends()), threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            message = self._consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.came.setdefault(header(message, "ce_id"), time.perf_counter())
        self._consumer.close()

    async def finished(self, messages: Sequence[Outgoing]) -> None:
        """Wait until all of them have come, then stop. Raises Void when they do not."""
        wanted = {dict(one.headers)["ce_id"] for one in messages}
        try:
            async with asyncio.timeout(PATIENCE):
                while not wanted <= self.came.keys():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Void("not every event came to its consumer") from None
        finally:
            self.stop()

    def stop(self) -> None:
        """End the thread."""
        self._ends.set()
        self._thread.join()


@asynccontextmanager
async def _relaying(ground: Ground) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.latency",
        env={**os.environ, "BENCH": f"{ground.address} {ground.kafka}"},
    )
    try:
        await asyncio.sleep(2)  # it owns its buckets and has met Kafka
        yield
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _steadily(messages: Sequence[Outgoing], act: Callable[[Outgoing], Awaitable[None]]) -> None:
    """Act on so many a second, whatever the earlier ones take."""
    begun, tasks = time.perf_counter(), set()
    for number, one in enumerate(messages):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
        tasks.add(asyncio.ensure_future(act(one)))
    await asyncio.gather(*tasks)


async def committed_to_heard(ground: Ground, messages: Sequence[Outgoing]) -> tuple[float, float]:
    """The 99th percentiles, in milliseconds, from the commit's beginning to the consumer, and of the commit alone."""
    begun: dict[bytes, float] = {}
    commits: list[float] = []
    nudge = Nudge(ground.address)
    async with asyncpg.create_pool(ground.address, min_size=WRITERS, max_size=WRITERS) as pool, _relaying(ground):
        nudging = asyncio.create_task(nudge.run())

        async def commit(message: Outgoing) -> None:
            values = row(message)
            async with pool.acquire() as connection:
                await connection.execute("BEGIN")
                await connection.execute(INSERT, *values)
                started = time.perf_counter()
                await connection.execute("COMMIT")
                commits.append(time.perf_counter() - started)
                nudge()
            begun[str(values[1]).encode()] = started

        await _steadily(messages[:RATE], commit)  # to get warm
        await asyncio.sleep(1)
        commits.clear()
        ear, measured = Ear(ground), messages[RATE:]
        try:
            await asyncio.sleep(0.5)
            await _steadily(measured, commit)
            await ear.finished(measured)
        finally:
            ear.stop()
            nudging.cancel()
            with suppress(asyncio.CancelledError):
                await nudging
    took = [ear.came[one] - begun[one] for one in (dict(m.headers)["ce_id"] for m in measured)]
    return percentile(took, 0.99) * 1000, percentile(commits, 0.99) * 1000


async def produced_to_consumed(ground: Ground, messages: Sequence[Outgoing]) -> float:
    """The 99th percentile, in milliseconds, from a bare producer to a bare consumer."""
    begun: dict[bytes, float] = {}
    producer = ground.producer(**{"linger.ms": 0})

    async def produce(message: Outgoing) -> None:
        begun[dict(message.headers)["ce_id"]] = time.perf_counter()
        producer.produce(message.topic, message.value, message.key, headers=list(message.headers))
        producer.poll(0)

    await _steadily(messages[:RATE], produce)
    producer.flush(PATIENCE)
    ear, measured = Ear(ground), messages[RATE:]
    try:
        await asyncio.sleep(0.5)
        await _steadily(measured, produce)
        await ear.finished(measured)
    finally:
        ear.stop()
    return percentile([ear.came[one] - begun[one] for one in (dict(m.headers)["ce_id"] for m in measured)], 0.99) * 1000


async def commit_to_consumer(ground: Ground, size: Size, turn: int) -> dict[str, float]:
    """Both ways; the sum of the parts is what ours is held against."""
    figures: dict[str, float] = {}

    async def ours() -> None:
        await ground.empty()
        figures["commit to consumer"], figures["commit"] = await committed_to_heard(
            ground, said(int(RATE * (size.seconds + 1)))
        )

    async def bare() -> None:
        figures["produce to consume"] = await produced_to_consumed(ground, said(int(RATE * (size.seconds + 1))))

    for arm in (ours, bare) if turn % 2 else (bare, ours):
        await arm()
    figures["commit + produce to consume"] = figures["commit"] + figures["produce to consume"]
    return figures


async def _relay() -> None:
    address, kafka = os.environ["BENCH"].split()
    producer = Producer(kafka, 10, "bench-relay")
    try:
        await Relay(address, producer, "bench", 30).run()
    finally:
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(_relay())
