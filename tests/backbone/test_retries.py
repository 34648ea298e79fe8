"""Tries of what is held: each in its time, and one stream's fault is no reason to leave the others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone import hearing, retries, tries
from backbone.database import Database, UnitOfWork
from backbone.hearing import Hearer
from backbone.retries import HeldRetries
from backbone.rows import new_id
from backbone.telemetry import HELD, PARKED_JOURNEYS
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.broker_suite import until
from tests.support.visiting.world import Voice, leave_mark, marks, read, received, rows, unit


class Ear:
    """A hearer that is told which streams fail, and how, and that notes when it was asked."""

    def __init__(self, db: Database) -> None:
        self.db, self.voice = db, Voice()
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
        async with unit(self.db) as uow:
            messages = [read(self.voice.say(received(), stream), number) for number, stream in enumerate(streams)]
            await self.hearer.hear(uow, messages, carefully=True)
        self.asked.clear()

    async def hear_while_locked(self, streams: Collection[UUID], seq: int) -> None:
        """Hear an event of each of these streams while somebody keeps them locked."""
        async with unit(self.db) as locking, unit(self.db) as uow:
            await locking.lock(*streams)
            messages = [read(self.voice.say(received(), stream, seq=seq), 1000 + seq) for stream in streams]
            outcomes = await self.hearer.hear(uow, messages, carefully=True)
        assert outcomes["retrying"] == len(streams)

    async def park(self) -> None:
        """Let everything that is held be parked."""
        async with unit(self.db) as uow:
            await uow.session.execute(text("UPDATE backbone.held SET status = 'parked', next_try_at = NULL"))

    async def shown(self, stream: UUID) -> list[tuple[Any, ...]]:
        """What is told of the held events of a stream: place, status, reason, and whether it is to be tried again."""
        query = (
            "SELECT seq, status, reason, next_try_at IS NOT NULL FROM backbone.held"
            " WHERE stream = :s AND ended_at IS NULL ORDER BY seq"
        )
        return [tuple(row) for row in await rows(self.db, query, s=stream)]

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
    monkeypatch.setattr(hearing, "ONE_LOCK_PATIENCE", 0.02)
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


async def is_tried_soon(ear: Ear, stream: UUID) -> None:
    """A held event of this stream, whose cause is mended, takes effect while the workers try."""
    ear.failing.pop(stream)
    async with ear.tried(), asyncio.timeout(10):
        while await marks(ear.db, stream) != [1]:
            await asyncio.sleep(0.02)


async def test_what_was_put_off_behind_parked_events_keeps_no_other_from_being_tried(ear: Ear) -> None:
    streams, other = [new_id() for _ in range(20)], new_id()
    await ear.hold(streams)
    await ear.park()
    await ear.hear_while_locked(streams, seq=2)
    await ear.hold([other])
    await is_tried_soon(ear, other)
    first, later = await ear.shown(streams[0])
    assert (first[1], later) == ("parked", (2, "behind", "it waits behind seq 1", False))


async def test_what_was_put_off_before_a_gap_keeps_no_other_from_being_tried(ear: Ear) -> None:
    streams, other = [new_id() for _ in range(20)], new_id()
    await ear.hear_while_locked(streams, seq=2)
    await ear.hold([other])
    await is_tried_soon(ear, other)
    assert await ear.shown(streams[0]) == [(2, "missing", "seq 1 has not been heard", False)]


async def test_many_streams_whose_tries_always_meet_a_deadlock_keep_no_other_from_being_tried(ear: Ear) -> None:
    streams, other = [new_id() for _ in range(25)], new_id()
    await ear.hold([*streams, other])
    ear.failing = dict.fromkeys(streams, "40P01") | {other: "P0001"}
    await is_tried_soon(ear, other)
    ((_, status, _, again),) = await ear.shown(streams[0])
    assert (status, again) == ("retrying", True)
    assert await rows(ear.db, "SELECT DISTINCT attempts FROM backbone.held WHERE ended_at IS NULL") == [(1,)]


async def test_many_streams_that_somebody_keeps_locked_keep_no_other_from_being_tried(ear: Ear) -> None:
    streams, other = [new_id() for _ in range(25)], new_id()
    await ear.hold([*streams, other])
    async with unit(ear.db) as uow:
        await uow.lock(*streams)
        await is_tried_soon(ear, other)


async def test_a_parked_event_is_not_tried_because_one_before_it_came_again(ear: Ear) -> None:
    stream = new_id()
    async with unit(ear.db) as uow:
        await ear.hearer.hear(uow, [read(ear.voice.say(received(), stream))], carefully=True)
    ear.failing = {stream: "P0001"}
    async with unit(ear.db) as uow:
        await ear.hearer.hear(uow, [read(ear.voice.say(received(), stream), 1)], carefully=True)
    await ear.park()
    await ear.hear_while_locked([stream], seq=1)
    ear.asked.clear()
    async with ear.tried(), asyncio.timeout(10):
        while len(await ear.shown(stream)) > 1:
            await asyncio.sleep(0.02)
    ((seq, status, _, again),) = await ear.shown(stream)
    assert (seq, status, again, ear.asked) == (2, "parked", False, [])


async def test_how_much_is_held_and_parked_is_told(ear: Ear) -> None:
    streams = [new_id() for _ in range(3)]
    await ear.hold(streams)
    async with ear.tried():
        await until(lambda: HELD.labels("retrying")._value.get() == 3 and PARKED_JOURNEYS._value.get() == 0)
        await ear.park()
        await until(lambda: HELD.labels("retrying")._value.get() == 0 and PARKED_JOURNEYS._value.get() == 3)
