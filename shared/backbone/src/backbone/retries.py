"""What is held is tried again when its time has come, and counted."""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

import structlog

from backbone import inbox
from backbone.database import Database, fault_of, is_transient
from backbone.hearing import Hearer
from backbone.inbox import Stream
from backbone.telemetry import HELD, PARKED_JOURNEYS, RETRIES
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

log = structlog.get_logger()

PAUSE: Final = 0.5
LONG_PAUSE: Final = 1.0
TELL_EVERY: Final = 10


class HeldRetries:
    """Tries held events again when their time has come."""

    def __init__(self, database: Database, hearer: Hearer, service: str) -> None:
        self._database, self._hearer, self._actor = database, hearer, Actor(Role.SYSTEM, service)

    async def run(self) -> None:
        """Try until cancelled, and tell how much is held."""
        for turn in itertools.count():
            try:
                async with self._database.unit_of_work(actor=self._actor, cause="retry") as uow:
                    due = await inbox.due_streams(uow, 20)
                    if turn % TELL_EVERY == 0:
                        for status, count in (await inbox.counts(uow)).items():
                            HELD.labels(status).set(count)
                        PARKED_JOURNEYS.set(await inbox.parked_journeys(uow))
            except Exception as error:
                await _pause_if_transient(error)
                continue
            for stream in due:
                await self._try(stream)
            await asyncio.sleep(PAUSE)

    async def _try(self, stream: Stream) -> None:
        """One stream's fault is no reason to leave the others: it goes to the end of the queue, without a pause."""
        RETRIES.labels("held").inc()
        try:
            async with self._database.unit_of_work(actor=self._actor, cause="retry") as uow:
                await self._hearer.try_held(uow, stream)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("held events are put off", resource_id=str(stream.id), error=fault_of(error))
            await self._put_off(stream)

    async def _put_off(self, stream: Stream) -> None:
        try:
            async with self._database.unit_of_work(actor=self._actor, cause="retry") as uow:
                await inbox.put_off(uow, stream, LONG_PAUSE)
        except Exception as error:
            await _pause_if_transient(error)


async def _pause_if_transient(error: Exception) -> None:
    if not is_transient(error):
        raise error
    log.warning("held events wait for the database", error=fault_of(error))
    await asyncio.sleep(LONG_PAUSE)
