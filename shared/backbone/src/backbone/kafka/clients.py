"""Clients and their calls: each ends in time, whatever Kafka does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from backbone.messages import KafkaAway

log = structlog.get_logger()


T = TypeVar("T")


async def bounded(work: Awaitable[T], seconds: float, what: str) -> T:
    """The work's result, or KafkaAway when it takes longer or Kafka refuses."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (TimeoutError, KafkaError, OSError) as error:
        raise KafkaAway(f"{what}: {type(error).__name__}") from error


async def abandon(stopping: Coroutine[Any, Any, None], seconds: float) -> None:
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
async def onlooker(servers: str, patience: float, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
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
        await abandon(consumer.stop(), patience)
