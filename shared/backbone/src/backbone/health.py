"""How a process is: alive, ready, ready but degraded, or not ready; and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from sqlalchemy import text

from backbone.consumer import Consumer
from backbone.database import Database
from backbone.outbox import is_overdue
from backbone.telemetry import REGISTRY

OVERDUE: Final = 10.0
"""Seconds an event may wait in the outbox before an API says so: it does not talk to Kafka itself."""


def routes(is_ready: Callable[[Request], Awaitable[dict[str, Any]]]) -> APIRouter:
    """/livez, /readyz and /metrics. `is_ready` adds what to say about readiness; whatever it raises is unreadiness."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz(request: Request, response: Response) -> dict[str, Any]:
        try:
            async with asyncio.timeout(3):
                return {"status": "ready", **await is_ready(request)}
        except Exception as error:
            response.status_code = 503
            return {"status": "not ready", "because": f"the database does not answer ({type(error).__name__})"}

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

    return router


async def api_is_ready(request: Request) -> dict[str, Any]:
    """Nothing, or how it is degraded: it serves as long as its database answers."""
    database: Database = request.app.state.database
    await _answers(database)
    async with database.engine.connect() as connection:
        if not await is_overdue(connection, OVERDUE):
            return {}
    return {"degraded": f"events wait in the outbox for more than {OVERDUE:.0f} s; what is written is kept"}


async def worker_is_ready(request: Request) -> dict[str, Any]:
    """Nothing, or how it is degraded: without Kafka it waits, and nothing is lost."""
    await _answers(request.app.state.database)
    consumer: Consumer = request.app.state.consumer
    if consumer.offsets_gone:
        return {"degraded": "offsets are gone: " + ", ".join(consumer.offsets_gone)}
    return {} if consumer.connected else {"degraded": "Kafka does not answer; events wait in the outbox"}


async def _answers(database: Database) -> None:
    async with database.engine.connect() as connection:
        writable = await connection.execute(text("SELECT NOT pg_is_in_recovery()"))
        if not writable.scalar_one():
            raise ConnectionError
