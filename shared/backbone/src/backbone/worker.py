"""The worker of a service: it relays, hears, retries and watches deadlines, and tells how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request

from backbone import health
from backbone.consumer import Consumer
from backbone.deadlines import DeadlineWatch
from backbone.hearing import Hearer
from backbone.kafka.log import KafkaLog
from backbone.kafka.producer import Producer
from backbone.kafka.topics import beginnings
from backbone.messages import Place
from backbone.nudge import Nudge
from backbone.process import (
    database_for,
    exit_on_failure,
    require_ready,
    run_until_stopped,
    server_config,
    settings_for,
)
from backbone.relay import Relay
from backbone.retention import Retention
from backbone.retries import HeldRetries
from backbone.service import Service
from backbone.settings import Settings
from backbone.telemetry import measure_loop
from reliefpath.events import topic_of

LAST: Final = 1
"""Seconds that are left for closing connections to a process that waits for nothing any more."""


def run_worker(service: Service) -> None:
    """Relay, consume, retry and watch deadlines until told to stop. The end of one of these ends the process."""
    settings = settings_for("worker", service)
    exit_on_failure(Worker(service, settings).run())


class Worker:
    """All that a worker does side by side, on one database, with one producer and one consumer."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service, self._settings = service, settings
        self._database = database_for(service, settings)
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
        """Do it until told to stop, or until a part of it ends."""
        service, settings, database = self._service, self._settings, self._database
        try:
            settings.require("kafka")
            await require_ready(service, settings, database)
            nudge = Nudge(settings.database_of(service.name))
            database.after_commit.append(nudge)
            await run_until_stopped(
                {
                    "health": _HealthServer(server_config(self._health_app(), settings, lifespan="off")).serve(),
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
        app.include_router(health.routes(_is_ready))
        return app


async def _is_ready(request: Request) -> dict[str, Any]:
    """Nothing, or all the ways in which it is degraded: without Kafka it waits, and nothing is lost."""
    outbox = await health.try_database(request.app.state.database)
    consumer: Consumer = request.app.state.consumer
    degraded = [
        *(["offsets are gone: " + ", ".join(consumer.offsets_gone)] if consumer.offsets_gone else []),
        *([] if consumer.connected else ["Kafka does not answer; events wait in the outbox"]),
        *([outbox] if outbox else []),
    ]
    return {"degraded": "; ".join(degraded)} if degraded else {}


class _HealthServer(uvicorn.Server):
    """A server beside a worker's own work: signals are the worker's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
