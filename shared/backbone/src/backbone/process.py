"""What runs: an API or a worker of one service, with health, metrics and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import structlog
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from backbone import clock, feed, health, problems, stillness, streams
from backbone.access import Gate
from backbone.consumer import Consumer
from backbone.contract import ABOUT, Api
from backbone.database import Database, is_transient
from backbone.deadlines import Alarm, DeadlineWatch, Handler
from backbone.edge import Edge
from backbone.hearing import Hearer, Reaction
from backbone.idempotency import Turns
from backbone.kafka.log import KafkaLog
from backbone.kafka.producer import Producer
from backbone.kafka.topics import beginnings
from backbone.listening import Listener
from backbone.messages import Place
from backbone.migrate import missing
from backbone.nudge import Nudge
from backbone.outbox import OF_ANOTHER_CLUSTER, WAY_BACK
from backbone.relay import Relay
from backbone.retention import Retention
from backbone.retries import HeldRetries
from backbone.settings import Settings, read_settings
from backbone.telemetry import configure_logs, measure_loop
from reliefpath.events import Event, Speaker, topic_of
from reliefpath.lifecycle import Lifecycle
from reliefpath.rulebook import Rulebook, Unapproved
from reliefpath.vocabulary import Profile

log = structlog.get_logger()

GRACE: Final = 8
"""Seconds after which a process that was told to end waits for nothing any more."""

LAST: Final = 1
"""Seconds that are left after that for closing connections."""

HURRY: Final = 5
"""Seconds after which an API that was told to end gives up what is under way, and answers so."""


@dataclass(frozen=True)
class Service:
    """A service's card: what it is called, what it says and hears, and what it does about it."""

    name: str
    title: str
    says: tuple[Speaker, ...] = ()
    hears: tuple[Speaker, ...] = ()
    lifecycles: tuple[Lifecycle, ...] = ()
    reactions: Mapping[type[Event], Reaction] = field(default_factory=dict)
    deadlines: Mapping[str, Handler] = field(default_factory=dict)
    read_models: Mapping[str, Mapping[type[Event], Reaction]] = field(default_factory=dict)
    """Tables that hold nothing but what the topics say, each with the reactions that rebuild it from them."""
    prepare: Callable[[Settings], None] | None = None
    """Called once before anything starts; raises LookupError with one sentence when the service must not start."""


def approved_records(settings: Settings) -> None:
    """Raise LookupError, naming every clinical record that nobody approved, in a production profile."""
    try:
        Rulebook.load().refuse_unapproved(settings.profile)
    except Unapproved as unapproved:
        raise LookupError(str(unapproved)) from None


class NotReady(Exception):
    """The process must not start, for the reason given."""


def build_api(
    service: Service, routers: Sequence[APIRouter], *, larger_bodies: Mapping[str, str] | None = None
) -> FastAPI:
    """The API of a service. Building it does no I/O and needs no settings; starting it does.

    `larger_bodies` names, per path, the setting that holds its body limit when it is not the usual one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings: Settings = app.state.settings
        database = _database(service, settings)
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
    app.include_router(health.routes(health.api_is_ready))
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
    settings = _settings("api", service)
    app = build()
    edge = with_edge(app, settings)
    server = _ApiServer(_server_config(edge, settings, lifespan="on"), edge)

    async def serve() -> None:
        await _keys_are_there(settings)
        database = _database(service, settings)
        try:
            await _may_start(service, settings, database)
        finally:
            await database.close()
        await server.serve()

    _exit_on_failure(serve())
    if not server.started:
        raise SystemExit(2)
    if app.state.failed:
        raise SystemExit(1)


def run_worker(service: Service) -> None:
    """Relay, consume, retry and watch deadlines until told to stop. The end of one of these ends the process."""
    settings = _settings("worker", service)
    _exit_on_failure(_Worker(service, settings).run())


class _Worker:
    def __init__(self, service: Service, settings: Settings) -> None:
        self._service, self._settings = service, settings
        self._database = _database(service, settings)
        self._hearer = Hearer(service.name, service.reactions, settings.handler_tries)
        name = settings.instance or f"{service.name}-worker"
        self._producer = Producer(settings.kafka, settings.kafka_timeout, f"{name}-relay")
        self._consumer = Consumer(
            self._database, self._hearer, self._log, self._beginnings, service.name, settings.watchdog
        )

    def _log(self) -> KafkaLog:
        return KafkaLog(
            self._settings.kafka,
            [topic_of(speaker) for speaker in self._service.hears],
            f"reliefpath.{self._service.name}",
            self._settings.instance,
            self._settings.kafka_timeout,
        )

    async def _beginnings(self, places: set[Place]) -> dict[Place, int]:
        return await beginnings(self._settings.kafka, places, self._settings.kafka_timeout)

    async def run(self) -> None:
        service, settings, database = self._service, self._settings, self._database
        try:
            settings.require("kafka")
            await _may_start(service, settings, database)
            nudge = Nudge(settings.database_of(service.name))
            database.after_commit.append(nudge)
            await _until_stopped(
                {
                    "health": _HealthServer(_server_config(self._health_app(), settings, lifespan="off")).serve(),
                    "nudge": nudge.run(),
                    "deadlines": DeadlineWatch(database, service.deadlines, service.name, settings.handler_tries).run(),
                    "loop lag": measure_loop(),
                    "retention": Retention(database, service.name, settings.outbox_days).run(),
                    **self._carrying(),
                }
            )
        finally:
            with suppress(TimeoutError):  # whatever does not let go is let go of by the end of the process
                async with asyncio.timeout(LAST):
                    await self._producer.stop()
                    await database.close()

    def _carrying(self) -> dict[str, Awaitable[None]]:
        address = self._settings.database_of(self._service.name)
        carrying: dict[str, Awaitable[None]] = {}
        if self._service.says:
            name = self._settings.instance or self._service.name
            carrying["relay"] = Relay(address, self._producer, name, self._settings.watchdog).run()
        if self._service.hears:
            carrying["consumer"] = self._consumer.run()
            carrying["held"] = HeldRetries(self._database, self._hearer, self._service.name).run()
        return carrying

    def _health_app(self) -> FastAPI:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=None)
        app.state.database = self._database
        app.state.consumer = self._consumer
        app.include_router(health.routes(health.worker_is_ready))
        return app


def _lifecycles(service: Service) -> APIRouter:
    router = APIRouter(tags=["lifecycle"])

    @router.get("/lifecycles", operation_id="lifecycles")
    async def lifecycles() -> list[dict[str, Any]]:
        """The transition tables, as data."""
        return [lifecycle_table(one) for one in service.lifecycles]

    return router


def lifecycle_table(lifecycle: Lifecycle) -> dict[str, Any]:
    """A lifecycle as data."""
    return {
        "name": lifecycle.name,
        "states": [state.value for state in lifecycle.states],
        "terminal": sorted(lifecycle.terminal),
        "transitions": [
            {
                "action": one.action,
                "label": one.label,
                "from": sorted(one.sources),
                "to": one.target.value,
                "by": sorted(one.by),
                "side": one.side,
                "says": [event.type for event in one.emits],
                "guards": [getattr(guard, "__name__", "") for guard in one.guards],
            }
            for one in lifecycle.transitions
        ],
    }


def _database(service: Service, settings: Settings) -> Database:
    return Database(
        settings.database_of(service.name),
        connections=settings.database_connections,
        statement_timeout=settings.statement_timeout,
        name=settings.instance or service.name,
    )


async def _may_start(service: Service, settings: Settings, database: Database) -> None:
    if service.prepare is not None:
        service.prepare(settings)
    try:
        lacking = await missing(service.name, database)
    except Exception as error:
        if not is_transient(error):
            raise
        raise NotReady(f"The {service.name} database does not answer ({type(error).__name__}).") from None
    if lacking:
        raise NotReady(
            f"The {service.name} database and this program differ by {len(lacking)} migrations; "
            f"run `python -m backbone.migrate {service.name}` first."
        )
    async with database.engine.connect() as connection:
        if (await connection.execute(text(OF_ANOTHER_CLUSTER))).scalar_one():
            raise NotReady(f"The {service.name} service does not start: {WAY_BACK}.")
    if settings.profile is Profile.PRODUCTION:
        async with database.engine.connect() as connection:
            shifted = await connection.execute(text("SELECT shift <> interval '0' FROM backbone.clock"))
            if shifted.scalar_one():
                raise NotReady("The clock of this database is shifted; a production profile refuses it.")


async def _keys_are_there(settings: Settings) -> None:
    try:
        await Gate(settings).keys.current()
    except problems.Unavailable:
        raise NotReady("The issuer's keys cannot be fetched from the address in RELIEFPATH_JWKS.") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotReady(f"RELIEFPATH_JWKS does not name a readable key set ({type(error).__name__}).") from None


def _settings(kind: str, service: Service) -> Settings:
    try:
        settings = read_settings()
        settings.require(f"database_{service.name}", *(("issuer", "jwks") if kind == "api" else ()))
    except LookupError as lacking:
        raise SystemExit(f"{service.name} {kind}: {lacking.args[0]}") from None
    configure_logs(settings.log_level, service=service.name, instance=settings.instance or f"{service.name}-{kind}")
    return settings


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


class _HealthServer(uvicorn.Server):
    """A server beside a worker's own work: signals are the worker's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server_config(app: Any, settings: Settings, *, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=Listener,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=settings.client_timeout,  # type: ignore[arg-type]  # a timer of the loop takes any number
    )


async def _until_stopped(work: Mapping[str, Awaitable[None]]) -> None:
    """Run everything until a signal comes or one of them ends, which none should."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    tasks: dict[asyncio.Future[Any], str] = {asyncio.ensure_future(one): name for name, one in work.items()}
    waiting: asyncio.Future[Any] = asyncio.ensure_future(stopped.wait())
    done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=GRACE)
    waiting.cancel()
    for task in done & tasks.keys():
        if stopped.is_set():
            continue
        log.error("a task ended", task=tasks[task], exc_info=task.exception() if not task.cancelled() else None)
        raise NotReady(f"The {tasks[task]} ended, and so does this process.")


def _end_if_failed(app: FastAPI, task: asyncio.Task[None]) -> None:
    """A task in the background that fails ends the process as an operator would, and as a failure."""
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("a task ended", task=task.get_name(), exc_info=failure)
        app.state.failed = True
        signal.raise_signal(signal.SIGTERM)


def _exit_on_failure(work: Any) -> None:
    try:
        uvloop.run(work)
    except KeyboardInterrupt:
        return
    except (NotReady, LookupError) as reason:
        sys.stderr.write(f"{reason.args[0]}\n")
        sys.stderr.flush()
        os._exit(2)
    except Exception as error:
        log.error("the process ends", exc_info=error)
        os._exit(1)
