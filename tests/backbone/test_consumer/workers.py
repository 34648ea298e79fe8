"""Consumers of one service over one database and one log, and what tests of them say and wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from backbone.consumer import Consumer
from backbone.database import Database, UnitOfWork
from backbone.hearing import Hearer
from backbone.messages import Incoming, Place
from backbone.retries import HeldRetries
from backbone.rows import new_id
from backbone.testing import Broker, TwinLog
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import Speaker, topic_of
from tests.support.visiting.world import Voice, leave_mark, marks, received, rows

REFERRAL, SCHEDULING = topic_of(Speaker.REFERRAL), topic_of(Speaker.SCHEDULING)


class Workers:
    """Consumers of one service over one database and one log."""

    def __init__(self, db: Database, twin: Broker) -> None:
        self.db, self.twin = db, twin
        self.reactions: dict[type[events.Event], Any] = {
            events.ReferralReceived: leave_mark,
            events.PatientArrived: leave_mark,
        }
        self.hearer = Hearer("visiting", self.reactions, tries=3)
        self.voice = Voice()
        self.watchdog = 30.0

    def consumer(self, make_log: Callable[[], TwinLog] | None = None) -> Consumer:
        topics = [REFERRAL, SCHEDULING]
        make = make_log or (lambda: TwinLog(self.twin, topics, "visiting"))
        return Consumer(self.db, self.hearer, make, self.twin.beginnings, "visiting", self.watchdog)

    @asynccontextmanager
    async def running(self, *consumers: Consumer) -> AsyncIterator[Consumer]:
        """A consumer, or several, at work."""
        all_ = consumers or (self.consumer(),)
        tasks = [asyncio.create_task(one.run()) for one in all_]
        tasks.append(asyncio.create_task(HeldRetries(self.db, self.hearer, "visiting").run()))
        try:
            yield all_[0]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def say(self, *journeys: UUID, event: Callable[[], events.Event] = received) -> list[Incoming]:
        return [self.twin.append(self.voice.say(event(), journey)) for journey in journeys]

    async def caught_up(self, patience: float = 20.0) -> None:
        """Wait until everything in the log was read."""
        ends = {
            (place.topic, place.partition): self.twin.partition(place).end
            for place in self.twin.places([REFERRAL, SCHEDULING])
        }
        async with asyncio.timeout(patience):
            while True:
                with suppress(DBAPIError):  # a connection that was cut is found to be so by its next use
                    found = await rows(self.db, "SELECT topic, partition, next FROM backbone.offsets")
                    if {(topic, partition): at for topic, partition, at in found} == ends:
                        return
                await asyncio.sleep(0.02)

    async def effects(self, *journeys: UUID) -> list[list[int]]:
        return [await marks(self.db, journey) for journey in journeys]

    async def until_held(self, journey: UUID, wanted: list[tuple[int, str]]) -> None:
        query = "SELECT seq, status FROM backbone.held WHERE stream = :j AND ended_at IS NULL ORDER BY seq"
        async with asyncio.timeout(15):
            while [tuple(row) for row in await rows(self.db, query, j=journey)] != wanted:
                await asyncio.sleep(0.02)


def partition_of(journey: UUID) -> int:
    """Where the events of a journey are, of the two partitions."""
    made = Broker()
    made.create(REFERRAL, 2)
    return made.append(Voice().say(received(), journey)).partition


def one_in_each_partition() -> tuple[UUID, UUID]:
    """A journey whose events are in the first partition, and one in the second."""
    by_partition: dict[int, UUID] = {}
    while len(by_partition) < 2:
        journey = new_id()
        by_partition[partition_of(journey)] = journey
    return by_partition[0], by_partition[1]


class Deaf(TwinLog):
    """A client that is alive and hands out nothing."""

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        await asyncio.sleep(wait)
        return {}


async def until_row(workers: Workers, query: str, wanted: tuple[Any, ...]) -> None:
    """Wait until a query about the topic `:t` finds this row and no other."""
    async with asyncio.timeout(10):
        while [tuple(row) for row in await rows(workers.db, query, t=REFERRAL)] != [wanted]:
            await asyncio.sleep(0.02)


class Steps:
    """A reaction that takes one event at a time, whenever it is told to."""

    def __init__(self, workers: Workers) -> None:
        self._may = asyncio.Semaphore(0)
        workers.reactions[events.ReferralReceived] = self.react

    async def react(self, uow: UnitOfWork, heard: Heard) -> None:
        await self._may.acquire()
        await leave_mark(uow, heard)

    def go_on(self, steps: int = 1) -> None:
        """Let it take so many events."""
        for _ in range(steps):
            self._may.release()
