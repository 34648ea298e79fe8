"""How a process is: alive, ready, ready but degraded, or not ready; and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from sqlalchemy import text

from backbone.database import Database
from backbone.outbox import is_overdue
from backbone.telemetry import REGISTRY

OVERDUE: Final = 10.0
"""Seconds that an event may wait to be sent before a process says that it is degraded."""


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


async def try_database(database: Database) -> str | None:
    """How the outbox is degraded, if it is. Raises what the driver raises when nothing can be written."""
    async with database.trial() as connection:
        await connection.execute(text("UPDATE backbone.clock SET shift = shift"))
        if not await is_overdue(connection, OVERDUE):
            return None
    return f"events wait in the outbox for more than {OVERDUE:.0f} s; what is written is kept"
