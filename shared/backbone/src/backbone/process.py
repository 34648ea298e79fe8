"""A process of a service, be it API or worker: its settings, whether it may start, and its orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, Final, Literal

import structlog
import uvicorn
import uvloop
from sqlalchemy import text

from backbone.database import Database, is_transient
from backbone.listening import Listener
from backbone.migrate import missing
from backbone.outbox import OF_ANOTHER_CLUSTER, WAY_BACK
from backbone.service import Service
from backbone.settings import Settings, read_settings
from backbone.telemetry import configure_logs
from reliefpath.vocabulary import Profile

log = structlog.get_logger()

GRACE: Final = 8
"""Seconds after which a process that was told to end waits for nothing any more."""


class NotReady(Exception):
    """The process must not start, for the reason given."""


def settings_for(kind: str, service: Service) -> Settings:
    """The settings of this kind of process, whose logs they set up; one that is lacking ends it with a sentence."""
    try:
        settings = read_settings()
        settings.require(f"database_{service.name}", *(("issuer", "jwks") if kind == "api" else ()))
    except LookupError as lacking:
        raise SystemExit(f"{service.name} {kind}: {lacking.args[0]}") from None
    configure_logs(settings.log_level, service=service.name, instance=settings.instance or f"{service.name}-{kind}")
    return settings


def database_for(service: Service, settings: Settings) -> Database:
    """The database of a service, with the connections of one process."""
    return Database(
        settings.database_of(service.name),
        connections=settings.database_connections,
        statement_timeout=settings.statement_timeout,
        name=settings.instance or service.name,
    )


async def require_ready(service: Service, settings: Settings, database: Database) -> None:
    """Raise NotReady, or LookupError, with the one sentence that says why the service must not start."""
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


def server_config(app: Any, settings: Settings, *, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    """How the HTTP server of every process listens and ends."""
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


async def run_until_stopped(work: Mapping[str, Awaitable[None]]) -> None:
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


def exit_on_failure(work: Coroutine[Any, Any, None]) -> None:
    """Run a process to its end. One that must not start says why and exits with 2, one that fails with 1."""
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
