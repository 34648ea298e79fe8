"""Tries of what is held: each in its time, and one stream's fault is no reason to leave the others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone import retries, tries
from backbone.database import Database, UnitOfWork
from backbone.hearing import Hearer
from backbone.retries import HeldRetries
from backbone.rows import new_id
from backbone.telemetry import HELD, PARKED_JOURNEYS
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.broker_suite import until
from tests.support.visiting.world import Voice, leave_mark, marks, read, received, unit


class Ear:
    """A hearer that is told which streams fail, and how, and that notes when it was asked."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.failing: dict[UUID, str] = {}
        self.asked: list[float] = []
        self.hearer = Hearer("visiting", {events.ReferralReceived: self._react}, tries=100)

    async def _react(self, uow: UnitOfWork, heard: Heard) -> None:
        self.asked.append(asyncio.get_running_loop().time())
        await leave_mark(uow, heard)
        state = self.failing.get(heard.attributes.stream)
        if state is not None:
            await uow.session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

    async def hold(self, streams: Collection[UUID]) -> None:
        """Let the first event of each of these streams fail and be held."""
        self.failing = dict.fromkeys(streams, "P0001")
        voice = Voice()
        async with unit(self.db) as uow:
            messages = [read(voice.say(received(), stream), number) for number, stream in enumerate(streams)]
            await self.hearer.hear(uow, messages, carefully=True)
        self.asked.clear()

    @asynccontextmanager
    async def tried(self, workers: int = 1) -> AsyncIterator[None]:
        """While so many workers try what is held."""
        tasks = [asyncio.create_task(HeldRetries(self.db, self.hearer, "visiting").run()) for _ in range(workers)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def ear(db: Database) -> Ear:
    return Ear(db)


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSE", 0.02)
    monkeypatch.setattr(retries, "LONG_PAUSE", 0.02)
    monkeypatch.setattr(retries, "TELL_EVERY", 1)
    monkeypatch.setattr(tries, "RETRY_DELAYS", (0.1,))


async def test_two_workers_do_not_try_a_held_event_twice_as_often(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "RETRY_DELAYS", (0.3,))
    await ear.hold([new_id()])
    async with ear.tried(workers=2):
        await until(lambda: len(ear.asked) >= 5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ear.asked[:5])]
    assert min(gaps) > 0.2, gaps


async def test_a_stream_whose_tries_always_meet_a_deadlock_keeps_no_other_from_being_tried(ear: Ear) -> None:
    first, *others = sorted(new_id() for _ in range(4))
    await ear.hold([first, *others])
    ear.failing = {first: "40P01"}
    async with ear.tried(), asyncio.timeout(10):
        while [await marks(ear.db, one) for one in others] != [[1]] * 3:
            await asyncio.sleep(0.02)
        tried = len(ear.asked)
        await until(lambda: len(ear.asked) > tried + 2)
        assert await marks(ear.db, first) == []
        ear.failing = {}
        while await marks(ear.db, first) != [1]:
            await asyncio.sleep(0.02)


async def test_how_much_is_held_and_parked_is_told(ear: Ear) -> None:
    streams = [new_id() for _ in range(3)]
    await ear.hold(streams)
    async with ear.tried():
        await until(lambda: HELD.labels("retrying")._value.get() == 3 and PARKED_JOURNEYS._value.get() == 0)
        async with unit(ear.db) as uow:
            await uow.session.execute(text("UPDATE backbone.held SET status = 'parked', next_try_at = NULL"))
        await until(lambda: HELD.labels("retrying")._value.get() == 0 and PARKED_JOURNEYS._value.get() == 3)
