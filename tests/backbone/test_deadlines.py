"""Deadlines: each has its effect once, when its time has come by the one clock, whatever else happens."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone import deadlines as subject
from backbone.database import Database, UnitOfWork
from backbone.deadlines import Deadline, DeadlineWatch, Handler, cancel_deadlines, set_deadline
from backbone.rows import new_id
from backbone.telemetry import REGISTRY
from reliefpath.envelope import load_headers
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import received, rows, unit, value

ROOT: Final = Path(__file__).parents[2]


class Handlers:
    """A handler that leaves a mark per effect, and may fail."""

    def __init__(self) -> None:
        self.fired: list[Deadline] = []
        self.failing: set[str] = set()
        self.by_kind: dict[str, Handler] = {"call": self.handle, "visit": self.handle}

    async def handle(self, uow: UnitOfWork, deadline: Deadline) -> None:
        uow.session.add(Mark(journey=deadline.journey, seq=1, text=deadline.kind))
        uow.say(deadline.journey, received())
        if deadline.kind in self.failing:
            raise ZeroDivisionError("Anna Meier")
        self.fired.append(deadline)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


def watch(db: Database, handlers: Handlers, tries: int = 3) -> DeadlineWatch:
    return DeadlineWatch(db, handlers.by_kind, "visiting", tries)


async def take_all(db: Database, handlers: Handlers) -> int:
    taken = 0
    while await watch(db, handlers).take_one():
        taken += 1
    return taken


async def due(
    db: Database, kind: str = "call", *, in_seconds: float = -1, journey: UUID | None = None, of: UUID | None = None
) -> UUID:
    """A deadline of a subject (new unless given); the subject."""
    thing = of or new_id()
    async with unit(db) as uow:
        await set_deadline(
            uow, kind, journey=journey or thing, subject=thing, due_at=uow.now + timedelta(seconds=in_seconds)
        )
    return thing


async def ended(db: Database, thing: UUID) -> list[str | None]:
    return [
        how for (how,) in await rows(db, "SELECT ended FROM backbone.deadlines WHERE subject = :s ORDER BY id", s=thing)
    ]


async def again_now(db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text("UPDATE backbone.deadlines SET next_try_at = now() WHERE next_try_at IS NOT NULL")
        )


async def test_it_fires_when_its_time_has_come_and_not_before(db: Database, handlers: Handlers) -> None:
    now, later = await due(db), await due(db, in_seconds=60)
    assert await take_all(db, handlers) == 1
    assert [one.subject for one in handlers.fired] == [now]
    assert (await ended(db, now), await ended(db, later)) == (["fired"], [None])


async def test_its_time_comes_by_the_one_clock(db: Database, handlers: Handlers) -> None:
    await due(db, in_seconds=86_400)
    assert await take_all(db, handlers) == 0
    async with unit(db) as uow:
        await uow.session.execute(text("UPDATE backbone.clock SET shift = interval '25 hours'"))
    assert await take_all(db, handlers) == 1


async def test_after_a_long_silence_all_fire_in_the_order_in_which_they_were_due(
    db: Database, handlers: Handlers
) -> None:
    things = {seconds: await due(db, in_seconds=-seconds) for seconds in (3, 500, 20, 9000, 1)}
    await take_all(db, handlers)
    assert [one.subject for one in handlers.fired] == [things[seconds] for seconds in (9000, 500, 20, 3, 1)]


async def test_each_fires_once_however_many_workers_look(connect: Callable[..., Database], handlers: Handlers) -> None:
    db = connect(connections=20)
    journeys = [new_id() for _ in range(10)]
    for number in range(40):
        await due(db, journey=journeys[number % 10])
    taken = await asyncio.gather(*(take_all(db, handlers) for _ in range(8)))
    while sum(taken) < 40:  # one that was locked is skipped, and taken at the next look
        taken = [*taken, await take_all(db, handlers)]
    assert sum(taken) == 40
    assert len({one.id for one in handlers.fired}) == len(handlers.fired) == 40
    assert await value(db, "SELECT count(*) FROM marks") == 40


async def test_a_journey_that_is_being_changed_is_passed_over_and_the_next_is_taken(
    db: Database, handlers: Handlers
) -> None:
    held, free = await due(db, in_seconds=-10), await due(db)
    async with unit(db) as uow:
        await uow.lock(held)
        assert await take_all(db, handlers) == 1
        assert [one.subject for one in handlers.fired] == [free]
    assert await take_all(db, handlers) == 1


async def test_setting_it_again_moves_it(db: Database, handlers: Handlers) -> None:
    thing = await due(db, in_seconds=-5)
    await due(db, in_seconds=60, of=thing)
    assert await take_all(db, handlers) == 0
    await due(db, in_seconds=-5, of=thing)
    assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == ["fired"]


async def test_two_kinds_of_one_subject_are_two(db: Database, handlers: Handlers) -> None:
    thing = await due(db)
    await due(db, "visit", of=thing)
    assert await take_all(db, handlers) == 2


async def test_it_can_be_set_anew_after_it_has_been(db: Database, handlers: Handlers) -> None:
    thing = await due(db)
    await take_all(db, handlers)
    await due(db, of=thing)
    assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == ["fired", "fired"]


async def test_a_handler_that_sets_its_own_deadline_anew_keeps_it_open(db: Database, handlers: Handlers) -> None:
    async def again(uow: UnitOfWork, deadline: Deadline) -> None:
        later = uow.now + timedelta(days=1)
        await set_deadline(uow, deadline.kind, journey=deadline.journey, subject=deadline.subject, due_at=later)

    handlers.by_kind["call"] = again
    thing = await due(db)
    assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == [None]


@pytest.mark.parametrize("by", ["subject", "journey", "kind"])
async def test_what_is_cancelled_never_fires(db: Database, handlers: Handlers, by: str) -> None:
    journey, thing = new_id(), new_id()
    await due(db, journey=journey, of=thing)
    await due(db, "visit", journey=journey, of=thing)
    other = await due(db)
    async with unit(db) as uow:
        match by:
            case "subject":
                await cancel_deadlines(uow, subject=thing)
            case "journey":
                await cancel_deadlines(uow, journey=journey)
            case _:
                await cancel_deadlines(uow, journey=journey, kind="visit")
    await take_all(db, handlers)
    fired = [(one.subject, one.kind) for one in handlers.fired]
    assert (other, "call") in fired
    assert (thing, "visit") not in fired
    assert ((thing, "call") in fired) == (by == "kind")


async def test_nobody_cancels_everything_by_leaving_out_what(db: Database) -> None:
    async with unit(db) as uow:
        with pytest.raises(ValueError, match="name a subject or a journey"):
            await cancel_deadlines(uow, kind="call")


async def test_a_deadline_that_was_set_by_what_rolled_back_does_not_exist(db: Database, handlers: Handlers) -> None:
    async def fail() -> None:
        async with unit(db) as uow:
            await set_deadline(uow, "call", journey=new_id(), subject=new_id(), due_at=uow.now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await take_all(db, handlers) == 0


async def test_one_that_fails_leaves_nothing_is_tried_later_and_then_parked(db: Database, handlers: Handlers) -> None:
    thing, other = await due(db, "visit", in_seconds=-9), await due(db)
    handlers.failing.add("visit")
    assert await take_all(db, handlers) == 2
    assert [one.subject for one in handlers.fired] == [other]
    for attempts in (1, 2):
        assert await rows(db, "SELECT attempts, ended FROM backbone.deadlines WHERE subject = :s", s=thing) == [
            (attempts, None)
        ]
        assert await take_all(db, handlers) == 0  # not before its next try
        await again_now(db)
        assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == ["parked"]
    assert await value(db, "SELECT count(*) FROM marks WHERE text = 'visit'") == 0
    assert await value(db, "SELECT count(*) FROM backbone.outbox") == 1
    error = await value(db, "SELECT error FROM backbone.deadlines WHERE subject = :s", s=thing)
    assert error.startswith("ZeroDivisionError at ")
    assert "Anna" not in error


async def parked(db: Database, handlers: Handlers, kind: str = "call") -> UUID:
    """The subject of a deadline that failed too often."""
    thing = await due(db, kind)
    handlers.failing.add(kind)
    assert await watch(db, handlers, tries=1).take_one()
    return thing


async def test_a_parked_one_stays_open_and_is_not_taken_again(db: Database, handlers: Handlers) -> None:
    thing = await parked(db, handlers)
    handlers.failing.clear()
    assert await take_all(db, handlers) == 0
    standing = "SELECT ended, done_at, next_try_at, attempts FROM backbone.deadlines WHERE subject = :s"
    assert await rows(db, standing, s=thing) == [("parked", None, None, 1)]


async def test_a_parked_one_that_is_set_again_is_moved_and_fires(db: Database, handlers: Handlers) -> None:
    thing = await parked(db, handlers)
    await due(db, in_seconds=-5, of=thing)
    standing = "SELECT ended, error, attempts FROM backbone.deadlines WHERE subject = :s"
    assert await rows(db, standing, s=thing) == [(None, None, 0)]
    handlers.failing.clear()
    assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == ["fired"]


async def test_a_parked_one_can_be_cancelled(db: Database, handlers: Handlers) -> None:
    thing = await parked(db, handlers)
    async with unit(db) as uow:
        await cancel_deadlines(uow, subject=thing)
    assert await ended(db, thing) == ["cancelled"]
    assert await value(db, "SELECT done_at IS NOT NULL FROM backbone.deadlines WHERE subject = :s", s=thing)


async def test_parking_is_counted_apart_from_failing(db: Database, handlers: Handlers) -> None:
    def counted(outcome: str) -> float:
        labels = {"kind": "visit", "outcome": outcome}
        return REGISTRY.get_sample_value("reliefpath_deadlines_total", labels) or 0

    before = counted("failed"), counted("parked")
    await due(db, "visit")
    handlers.failing.add("visit")
    for _ in range(3):
        await take_all(db, handlers)
        await again_now(db)
    assert (counted("failed") - before[0], counted("parked") - before[1]) == (2, 1)


async def test_how_long_its_handler_takes_is_measured_also_when_it_fails(db: Database, handlers: Handlers) -> None:
    def measured(what: str) -> float:
        return REGISTRY.get_sample_value(f"reliefpath_deadline_seconds_{what}", {"kind": "measured"}) or 0

    async def slow(uow: UnitOfWork, deadline: Deadline) -> None:
        await asyncio.sleep(0.1)
        await handlers.handle(uow, deadline)

    handlers.by_kind["measured"] = slow
    await due(db, "measured")
    handlers.failing.add("measured")
    await take_all(db, handlers)
    handlers.failing.clear()
    await again_now(db)
    await take_all(db, handlers)
    assert measured("count") == 2
    assert 0.2 <= measured("sum") < 2


async def test_one_that_failed_at_first_fires_in_the_end(db: Database, handlers: Handlers) -> None:
    thing = await due(db)
    handlers.failing.add("call")
    await take_all(db, handlers)
    handlers.failing.clear()
    await again_now(db)
    await take_all(db, handlers)
    assert await ended(db, thing) == ["fired"]


async def test_a_kind_that_nobody_handles_is_parked_and_stops_no_other(db: Database, handlers: Handlers) -> None:
    await due(db, "unknown", in_seconds=-9)
    await due(db)
    assert await take_all(db, handlers) == 2
    for _ in range(2):
        await again_now(db)
        await take_all(db, handlers)
    assert await value(db, "SELECT error FROM backbone.deadlines WHERE ended = 'parked'") == "nobody handles unknown"


async def test_a_fault_of_the_database_is_no_try(db: Database, handlers: Handlers) -> None:
    async def fail(uow: UnitOfWork, _: Deadline) -> None:
        await uow.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))

    handlers.by_kind["call"] = fail
    thing = await due(db)
    assert await take_all(db, handlers) == 1
    standing = "SELECT attempts, ended, error FROM backbone.deadlines WHERE subject = :s"
    assert await rows(db, standing, s=thing) == [(0, None, None)]
    handlers.by_kind["call"] = handlers.handle
    assert await take_all(db, handlers) == 0  # not before its next try
    await again_now(db)
    assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == ["fired"]


@pytest.mark.parametrize("others", [1, 5])
async def test_those_that_always_meet_a_deadlock_keep_no_other_from_firing(
    db: Database, handlers: Handlers, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """Each is seen to be in a deadlock no sooner than after a second, as usual, and all are the earliest again then."""
    monkeypatch.setattr(subject, "PAUSE", 0.02)

    async def collide(uow: UnitOfWork, _: Deadline) -> None:
        await uow.session.execute(text("SELECT pg_sleep(1)"))
        await uow.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    handlers.by_kind["visit"] = collide
    unlucky = [await due(db, "visit", in_seconds=-10) for _ in range(others)]
    later = await due(db, in_seconds=-5)
    working = asyncio.create_task(watch(db, handlers).run())
    try:
        async with asyncio.timeout(others + 5):
            while await ended(db, later) != ["fired"]:
                await asyncio.sleep(0.05)
        handlers.by_kind["visit"] = handlers.handle
        async with asyncio.timeout(10):
            while [await ended(db, one) for one in unlucky] != [["fired"]] * others:
                await asyncio.sleep(0.05)
    finally:
        await stop(working)
    assert await value(db, "SELECT sum(attempts) FROM backbone.deadlines") == 0


async def test_behind_one_that_meets_a_passing_fault_its_journeys_others_keep_their_order(
    db: Database, handlers: Handlers
) -> None:
    async def collide(uow: UnitOfWork, _: Deadline) -> None:
        await uow.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    journey = new_id()
    one, two = await due(db, "visit", in_seconds=-9, journey=journey), await due(db, in_seconds=-8, journey=journey)
    handlers.by_kind["visit"] = collide
    assert await take_all(db, handlers) == 1
    handlers.by_kind["visit"] = handlers.handle
    assert await take_all(db, handlers) == 0
    await again_now(db)
    assert await take_all(db, handlers) == 2
    assert [deadline.subject for deadline in handlers.fired] == [one, two]


@pytest.mark.parametrize("anew", [True, False])
async def test_what_was_done_or_set_anew_before_the_connection_was_lost_is_not_put_off(
    db: Database, handlers: Handlers, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    whole = db.unit_of_work

    @asynccontextmanager
    async def committed_but_unanswered(**given: Any) -> AsyncIterator[UnitOfWork]:
        monkeypatch.setattr(db, "unit_of_work", whole)
        async with whole(**given) as uow:
            yield uow
        raise ConnectionError

    async def again(uow: UnitOfWork, deadline: Deadline) -> None:
        if anew:
            await set_deadline(uow, deadline.kind, journey=deadline.journey, subject=deadline.subject, due_at=uow.now)

    handlers.by_kind["call"] = again
    thing = await due(db)
    monkeypatch.setattr(db, "unit_of_work", committed_but_unanswered)
    assert await watch(db, handlers).take_one()
    standing = "SELECT ended, next_try_at FROM backbone.deadlines WHERE subject = :s"
    assert await rows(db, standing, s=thing) == [(None if anew else "fired", None)]


async def test_one_that_is_always_too_slow_is_tried_so_often_and_keeps_no_other_from_firing(
    db: Database, handlers: Handlers
) -> None:
    async def dawdle(uow: UnitOfWork, _: Deadline) -> None:
        await uow.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '57014'; END $$"))

    handlers.by_kind["slow"] = dawdle
    slow, other = await due(db, "slow", in_seconds=-10), await due(db)
    assert await take_all(db, handlers) == 2
    assert [one.subject for one in handlers.fired] == [other]
    for _ in range(5):
        await again_now(db)
        await take_all(db, handlers)
    assert await ended(db, slow) == ["parked"]


async def test_one_whose_words_cannot_be_written_down_has_failed_and_stops_no_other(
    db: Database, handlers: Handlers
) -> None:
    async def ring(uow: UnitOfWork, _: Deadline) -> None:
        uow.record("did", "thing", None, reason="a\x00b")

    handlers.by_kind["bad"] = ring
    bad, other = await due(db, "bad", in_seconds=-10), await due(db)
    await take_all(db, handlers)
    assert [one.subject for one in handlers.fired] == [other]
    assert await rows(db, "SELECT attempts FROM backbone.deadlines WHERE subject = :s", s=bad) == [(1,)]


async def test_a_worker_that_dies_in_the_middle_leaves_it_for_the_next(db: Database, handlers: Handlers) -> None:
    under_way = asyncio.Event()

    async def stall(uow: UnitOfWork, deadline: Deadline) -> None:
        await handlers.handle(uow, deadline)
        await uow.session.flush()
        under_way.set()
        await asyncio.sleep(30)

    thing = await due(db)
    dying = asyncio.create_task(DeadlineWatch(db, {"call": stall}, "visiting", 3).take_one())
    await under_way.wait()
    assert await take_all(db, handlers) == 0  # it is in work
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    assert await take_all(db, handlers) == 1
    assert await ended(db, thing) == ["fired"]
    assert await value(db, "SELECT count(*) FROM marks") == 1


async def test_what_it_leads_to_names_it_and_what_had_led_to_it(db: Database, handlers: Handlers) -> None:
    async with unit(db, cause="event:01890000-0000-7000-8000-000000000009") as uow:
        await set_deadline(uow, "call", journey=new_id(), subject=new_id(), due_at=uow.now)
    await take_all(db, handlers)
    (row,) = await rows(db, "SELECT headers FROM backbone.outbox")
    cause = dict(load_headers(row.headers))["ce_cause"].decode()
    assert cause == f"deadline:call:{handlers.fired[0].id}:event:01890000-0000-7000-8000-000000000009"
    assert dict(load_headers(row.headers))["ce_actor"] == b"system:visiting"


async def test_the_watch_waits_for_a_database_that_is_away_and_goes_on(
    db: Database, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAUSE", 0.02)
    working = asyncio.create_task(watch(db, handlers).run())
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await asyncio.sleep(0.1)
    with suppress(Exception):
        await value(db, cut)
    thing = await due(db)
    async with asyncio.timeout(15):
        while await ended(db, thing) != ["fired"]:
            await asyncio.sleep(0.05)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def due_at(db: Database, *due: tuple[UUID, float]) -> None:
    """Deadlines of new subjects in these journeys, so many seconds from now."""
    async with unit(db) as uow:
        for journey, seconds in due:
            at = uow.now + timedelta(seconds=seconds)
            await set_deadline(uow, "call", journey=journey, subject=new_id(), due_at=at)


@pytest.mark.parametrize("journeys", [200, 10])
async def test_after_downtime_four_watches_take_what_is_overdue_in_order_and_each_once(
    connect: Callable[..., Database], monkeypatch: pytest.MonkeyPatch, journeys: int
) -> None:
    """200 deadlines come due while nobody watches. Whoever fires one leaves no earlier one lying, unless that one's
    journey is being changed; and those of one journey fire in their order whatever happens."""
    monkeypatch.setattr(subject, "PAUSE", 0.02)
    db, looking, chance = connect(), connect(), random.Random(5)
    owners = [new_id() for _ in range(journeys)]
    seconds = random.Random(6).sample(range(60, 80_000), 200)
    await due_at(db, *((owners[number % journeys], one) for number, one in enumerate(seconds)))
    earlier = text(
        "SELECT count(*) FROM (SELECT FROM backbone.deadlines d JOIN backbone.streams s ON s.stream = d.journey"
        " WHERE d.due_at < :due AND d.done_at IS NULL FOR UPDATE OF s, d SKIP LOCKED) AS nobody_has_taken"
    )
    left_lying: list[int] = []

    async def fire(uow: UnitOfWork, deadline: Deadline) -> None:
        if journeys == 200:
            async with looking.engine.connect() as connection:
                left_lying.append((await connection.execute(earlier, {"due": deadline.due_at})).scalar_one())
        uow.session.add(Mark(journey=deadline.journey, seq=int(deadline.due_at.timestamp()), text=str(deadline.id)))
        await uow.session.flush()
        await asyncio.sleep(chance.random() * 0.01)

    async with unit(db) as uow:
        await uow.session.execute(text("UPDATE backbone.clock SET shift = interval '1 day'"))
    watches = [asyncio.create_task(DeadlineWatch(connect(), {"call": fire}, "visiting", 3).run()) for _ in range(4)]
    await until_none_is_open(db)
    await stop(*watches)
    assert not any(left_lying)
    assert await rows(db, "SELECT count(*), count(DISTINCT text) FROM marks") == [(200, 200)]
    assert await rows(db, "SELECT ended, count(*) FROM backbone.deadlines GROUP BY 1") == [("fired", 200)]
    for owner in owners:
        fired = [seq for (seq,) in await rows(db, "SELECT seq FROM marks WHERE journey = :j ORDER BY id", j=owner)]
        assert fired == sorted(fired)


async def until_none_is_open(db: Database) -> None:
    async with asyncio.timeout(90):
        while await value(db, "SELECT count(*) FROM backbone.deadlines WHERE done_at IS NULL"):
            await asyncio.sleep(0.05)


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Watching:
    """Processes that take deadlines: one that is killed in the middle of firing is followed by another."""

    def __init__(self, address: str) -> None:
        self._address, self._processes = address, set[asyncio.subprocess.Process]()
        self.begun, self.interrupted = Counter[str](), list[str]()

    async def one(self, kills: Iterator[bool]) -> None:
        """Run a process; whenever it says what it fires, end it as a power cut would, if this is one to be ended."""
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.support.visiting.watching", self._address, "0.02",
                stdout=asyncio.subprocess.PIPE, cwd=ROOT,
            )  # fmt: skip
            self._processes.add(process)
            assert process.stdout is not None
            while line := (await process.stdout.readline()).decode().strip():
                self.begun[line] += 1
                if next(kills):
                    self.interrupted.append(line)
                    process.kill()
                    break
            await process.wait()

    async def close(self) -> None:
        """End them all."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_processes_that_are_killed_in_the_middle_of_firing_leave_none_lost_or_doubled(
    db: Database, address: str
) -> None:
    """Four processes, 200 deadlines of 40 journeys, and every 15th firing is the last of its process, ten times."""
    journeys = [new_id() for _ in range(40)]
    await due_at(db, *((journeys[number % 40], -number) for number in range(200)))
    firings = itertools.count(1)
    kills = (number % 15 == 0 and number <= 150 for number in firings)
    watching = Watching(address)
    tasks = [asyncio.create_task(watching.one(kills)) for _ in range(4)]
    try:
        await until_none_is_open(db)
    finally:
        await stop(*tasks)
        await watching.close()
    assert len(watching.interrupted) == 10
    again = [one for one in watching.interrupted if watching.begun[one] > 1]
    assert len(again) >= 5, "they were killed before the commit, so another began anew"
    assert await rows(db, "SELECT count(*), count(DISTINCT text) FROM marks") == [(200, 200)]
    assert await rows(db, "SELECT ended, attempts, count(*) FROM backbone.deadlines GROUP BY 1, 2") == [
        ("fired", 0, 200)
    ]
    assert await value(db, "SELECT count(*) FROM backbone.outbox") == 200
