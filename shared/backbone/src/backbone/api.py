"""The API of a service: what it is built of, and how it is served until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, Final

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Request

from backbone import clock, feed, health, problems, stillness, streams
from backbone.access import Gate
from backbone.contract import ABOUT, Api
from backbone.deadlines import Alarm
from backbone.edge import Edge
from backbone.hearing import Hearer
from backbone.idempotency import Turns
from backbone.nudge import Nudge
from backbone.process import NotReady, database_for, exit_on_failure, require_ready, server_config, settings_for
from backbone.service import Service, lifecycle_table
from backbone.settings import Settings
from backbone.telemetry import measure_loop

log = structlog.get_logger()

HURRY: Final = 5
"""Seconds after which an API that was told to end gives up what is under way, and answers so."""


def build_api(
    service: Service, routers: Sequence[APIRouter], *, larger_bodies: Mapping[str, str] | None = None
) -> FastAPI:
    """The API of a service. Building it does no I/O and needs no settings; starting it does.

    `larger_bodies` names, per path, the setting that holds its body limit when it is not the usual one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings: Settings = app.state.settings
        database = database_for(service, settings)
        try:
            app.state.database, app.state.gate = database, Gate(settings)
            app.state.hearer = Hearer(service.name, service.reactions, settings.handler_tries)
            nudge = Nudge(settings.database_of(service.name))
            database.after_commit.append(nudge)
            background = [asyncio.create_task(nudge.run()), asyncio.create_task(measure_loop())]
            for task in background:
                task.add_done_callback(partial(_end_if_failed, app))
            yield
            for task in background:
                task.cancel()
            for task in background:
                with suppress(asyncio.CancelledError):
                    await task
        finally:
            await database.close()

    app = Api(
        title=f"Reliefpath {service.title}",
        description=ABOUT,
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=None,
    )
    app.state.failed = False
    app.state.alarm = Alarm(service.name, service.deadlines)
    app.state.hears = service.hears
    app.state.turns = Turns()
    app.state.larger_bodies = dict(larger_bodies or {})
    problems.install(app)
    for router in routers:
        app.include_router(router)
    app.include_router(_lifecycles(service))
    if service.says:
        app.include_router(feed.router)
    app.include_router(streams.router)
    app.include_router(clock.router)
    app.include_router(stillness.router)
    app.include_router(health.routes(_is_ready))
    return app


def with_edge(app: FastAPI, settings: Settings) -> Edge:
    """The application as it is served: with its settings and its edge."""
    app.state.settings = settings
    # Starlette's last resort answers 500 before the edge can tell a fault from a database that is away: it is left out.
    last_resort: Any = app.build_middleware_stack()
    app.middleware_stack = last_resort.app
    larger = {path: int(getattr(settings, name)) for path, name in app.state.larger_bodies.items()}
    return Edge(app, settings, larger)


def serve_api(service: Service, build: Callable[[], FastAPI]) -> None:
    """Serve an API until told to stop; requests under way are answered first."""
    settings = settings_for("api", service)
    app = build()
    edge = with_edge(app, settings)
    server = _ApiServer(server_config(edge, settings, lifespan="on"), edge)

    async def serve() -> None:
        await require_keys(settings)
        database = database_for(service, settings)
        try:
            await require_ready(service, settings, database)
        finally:
            await database.close()
        await server.serve()

    exit_on_failure(serve())
    if not server.started:
        raise SystemExit(2)
    if app.state.failed:
        raise SystemExit(1)


def _lifecycles(service: Service) -> APIRouter:
    router = APIRouter(tags=["lifecycle"])

    @router.get("/lifecycles", operation_id="lifecycles")
    async def lifecycles() -> list[dict[str, Any]]:
        """The transition tables, as data."""
        return [lifecycle_table(one) for one in service.lifecycles]

    return router


async def _is_ready(request: Request) -> dict[str, Any]:
    """Nothing, or how it is degraded: it serves as long as its database can be written."""
    degraded = await health.try_database(request.app.state.database)
    return {"degraded": degraded} if degraded else {}


async def require_keys(settings: Settings) -> None:
    """Raise NotReady, saying why, when the keys of the tokens' issuer cannot be had."""
    try:
        await Gate(settings).keys.current()
    except problems.Unavailable:
        raise NotReady("The issuer's keys cannot be fetched from the address in RELIEFPATH_JWKS.") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotReady(f"RELIEFPATH_JWKS does not name a readable key set ({type(error).__name__}).") from None


class _ApiServer(uvicorn.Server):
    """A server that answers everything before it ends, which is no failure when it was told to."""

    def __init__(self, config: uvicorn.Config, edge: Edge) -> None:
        super().__init__(config)
        self._edge = edge

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # they would be raised anew, as if nobody had heeded them

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        hurry = asyncio.get_running_loop().call_later(HURRY, self._edge.hurry)
        try:
            await super().shutdown(sockets)
        finally:
            hurry.cancel()


def _end_if_failed(app: FastAPI, task: asyncio.Task[None]) -> None:
    """A task in the background that fails ends the process as an operator would, and as a failure."""
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("a task ended", task=task.get_name(), exc_info=failure)
        app.state.failed = True
        signal.raise_signal(signal.SIGTERM)
