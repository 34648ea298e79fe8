"""A unit of work: a change, what it says and its audit rows are there together, or none of them is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backbone.database import (
    CONNECTION_FAILED,
    SLOW_STATES,
    Database,
    UnitOfWork,
    fault_of,
    is_passing,
    is_transient,
    sqlstate,
)
from backbone.rows import new_id
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role
from tests.support.visiting.lifecycle import VisitState
from tests.support.visiting.tables import Mark, Visit
from tests.support.visiting.world import received, rows, unit, value

KEPT = """
SELECT (SELECT count(*) FROM marks), (SELECT count(*) FROM backbone.outbox), (SELECT count(*) FROM backbone.audit)
"""


OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"


async def change(uow: UnitOfWork) -> None:
    """A change with everything that belongs to one."""
    journey = new_id()
    await uow.lock(journey)
    uow.session.add(Mark(journey=journey, seq=1))
    uow.say(journey, received())
    uow.record("change", "visit", new_id(), journey=journey)


async def test_a_change_its_event_and_its_audit_row_are_there_together(db: Database) -> None:
    async with unit(db) as uow:
        await change(uow)
        assert await rows(db, KEPT) == [(0, 0, 0)]
    assert await rows(db, KEPT) == [(1, 1, 1)]


async def fail_late(db: Database) -> None:
    async with unit(db) as uow:
        await change(uow)
        await uow.finish()
        raise ZeroDivisionError


async def test_a_failure_leaves_nothing(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await fail_late(db)
    assert await rows(db, KEPT) == [(0, 0, 0)]


@pytest.mark.parametrize("wrong", ["event", "audit row", "row"])
async def test_a_failure_in_one_part_leaves_nothing_of_the_others(db: Database, wrong: str) -> None:
    async def fail() -> None:
        async with unit(db) as uow:
            await change(uow)
            match wrong:
                case "row":
                    uow.session.add(Mark(journey=new_id(), seq=2**40))
                case "audit row":
                    uow.record("change", "visit", None, reason="\x00")
                case _:
                    uow.say(new_id(), received(), rules=["\ud800"])

    with pytest.raises((DBAPIError, UnicodeEncodeError)):
        await fail()
    assert await rows(db, KEPT) == [(0, 0, 0)]


async def test_work_that_is_cancelled_leaves_nothing_and_no_open_transaction(db: Database) -> None:
    under_way = asyncio.Event()

    async def work() -> None:
        async with unit(db) as uow:
            await change(uow)
            await uow.session.flush()
            under_way.set()
            await uow.session.execute(text("SELECT pg_sleep(30)"))

    working = asyncio.create_task(work())
    await under_way.wait()
    await asyncio.sleep(0.05)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await rows(db, KEPT) == [(0, 0, 0)]
    assert await value(db, OPEN) == 0


async def test_whoever_waits_for_a_journey_sees_afterwards_what_its_holder_wrote(db: Database) -> None:
    journey, seen = new_id(), []
    held = asyncio.Event()

    async def hold() -> None:
        async with unit(db) as uow:
            await uow.lock(journey)
            held.set()
            await asyncio.sleep(0.2)
            uow.session.add(Mark(journey=journey, seq=1))

    async def wait() -> None:
        await held.wait()
        async with unit(db) as uow:
            await uow.lock(journey)
            found = await uow.session.execute(text("SELECT count(*) FROM marks WHERE journey = :j"), {"j": journey})
            seen.append(found.scalar_one())

    await asyncio.gather(hold(), wait(), wait())
    assert seen == [1, 1]


async def test_whoever_locks_several_journeys_never_waits_in_a_circle(db: Database) -> None:
    journeys = [new_id() for _ in range(6)]

    async def work(turn: int) -> None:
        async with unit(db) as uow:
            await uow.lock(*(journeys if turn % 2 else reversed(journeys)))
            await asyncio.sleep(0.002)

    await asyncio.gather(*(work(turn) for turn in range(20)))


async def test_what_was_said_is_told_after_the_commit_and_only_then(db: Database) -> None:
    told: list[int] = []
    db.after_commit.append(lambda: told.append(1))
    async with unit(db) as uow:
        uow.record("look", "visit", None)
    assert told == []
    with pytest.raises(ZeroDivisionError):
        await fail_late(db)
    assert told == []
    async with unit(db) as uow:
        await change(uow)
        assert told == []
    assert told == [1]


async def test_a_part_that_fails_alone_leaves_nothing_while_the_rest_is_kept(db: Database) -> None:
    async def fail(uow: UnitOfWork) -> None:
        async with uow.attempt():
            await change(uow)
            raise ZeroDivisionError

    async with unit(db) as uow:
        await change(uow)
        with pytest.raises(ZeroDivisionError):
            await fail(uow)
        await change(uow)
    assert await rows(db, KEPT) == [(2, 2, 2)]


async def test_a_lock_that_went_with_a_failed_part_is_taken_again(db: Database) -> None:
    journey = new_id()

    async def fail(uow: UnitOfWork) -> None:
        async with uow.attempt():
            await uow.lock(journey)
            raise ZeroDivisionError

    async with unit(db) as uow:
        with pytest.raises(ZeroDivisionError):
            await fail(uow)
        await uow.lock(journey)
        uow.say(journey, received())
        other = asyncio.create_task(_lock(db, journey))
        await asyncio.sleep(0.1)
        assert not other.done()
    await other
    assert await rows(db, "SELECT seq FROM backbone.outbox") == [(1,)]


async def _lock(db: Database, journey: object) -> None:
    async with unit(db) as uow:
        await uow.lock(journey)  # type: ignore[arg-type]  # it is an id


async def test_all_rows_of_a_unit_of_work_bear_its_one_time(db: Database) -> None:
    async with unit(db) as uow:
        visit = Visit(journey=new_id(), state=VisitState.PLANNED)
        uow.session.add(visit)
        await asyncio.sleep(0.01)
        uow.record("plan", "visit", visit.id)
        made = uow.now
    assert await rows(db, "SELECT created_at, updated_at FROM visits") == [(made, made)]
    assert await value(db, "SELECT at FROM backbone.audit") == made
    async with unit(db) as uow:
        again = await uow.session.get(Visit, visit.id)
        assert again is not None
        again.chairs = 2
        changed = uow.now
    assert await rows(db, "SELECT created_at, updated_at FROM visits") == [(made, changed)]
    assert changed > made


async def test_the_time_is_the_shifted_clocks(db: Database) -> None:
    before = await db.now()
    await _shift(db, "2 days")
    async with unit(db) as uow:
        assert timedelta(days=2) <= uow.now - before < timedelta(days=2, minutes=1)
    assert await value(db, "SELECT recorded_at FROM backbone.audit LIMIT 1") is not None


async def _shift(db: Database, interval: str) -> None:
    async with unit(db) as uow:
        await uow.session.execute(text(f"UPDATE backbone.clock SET shift = interval '{interval}'"))
        uow.record("shift", "clock", None)


async def test_an_audit_row_says_who_what_when_why_and_under_which_rules(db: Database) -> None:
    journey, other, visit = new_id(), new_id(), new_id()
    async with unit(db, Actor(Role.CLINICIAN, "c-1"), "request:7") as uow:
        uow.record(
            "pause", "visit", visit, journey=journey, journeys=[other, journey], before="planned", after="paused",
            reason="rain", rules=["rain@2"],
        )  # fmt: skip
    (row,) = await rows(db, "SELECT * FROM backbone.audit")
    said = (row.actor, row.action, row.resource, row.before, row.after, row.reason, row.cause, row.rules)
    assert said == ("clinician:c-1", "pause", "visit", "planned", "paused", "rain", "request:7", ["rain@2"])
    assert (str(row.resource_id), {str(one) for one in row.journeys}) == (str(visit), {str(journey), str(other)})


@pytest.mark.parametrize("use", ["a change", "the time"])
async def test_connections_that_the_server_closed_while_idle_are_replaced_unnoticed(db: Database, use: str) -> None:
    async with db.engine.connect() as connection:
        async with db.engine.connect() as idle:
            await idle.execute(text("SELECT 1"))
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        if use == "the time":
            assert (await db.now()).tzinfo is not None
            return
        async with unit(db) as uow:
            await change(uow)
    assert await value(db, "SELECT count(*) FROM backbone.streams") == 1


FAULTS: dict[str, tuple[str, bool]] = {
    "a statement that takes too long": ("SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(1)", True),
    "a server that ends our session": ("SELECT pg_terminate_backend(pg_backend_pid())", True),
    "a serialisation failure": ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", True),
    "a deadlock": ("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", True),
    "a lock that is not to be had": ("DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$", True),
    "too many connections": ("DO $$ BEGIN RAISE SQLSTATE '53300'; END $$", True),
    "a server that became read-only": ("DO $$ BEGIN RAISE SQLSTATE '25006'; END $$", True),
    "a rule of the tables": ("INSERT INTO backbone.clock (one) VALUES (2)", False),
    "a row twice": ("INSERT INTO backbone.clock (one) VALUES (1)", False),
    "a mistake in a statement": ("SELECT nothing FROM nowhere", False),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_database_can_be_told_from_a_fault_of_the_work(db: Database, fault: str) -> None:
    statements, transient = FAULTS[fault]

    async def fail() -> None:
        async with unit(db) as uow:
            for statement in statements.split("; ") if not statements.startswith("DO") else [statements]:
                await uow.session.execute(text(statement))

    with pytest.raises(DBAPIError) as raised:
        await fail()
    assert is_transient(raised.value) is transient
    assert is_passing(raised.value) is (transient and sqlstate(raised.value) not in SLOW_STATES)
    assert sqlstate(raised.value) is not None
    assert await value(db, "SELECT 1") == 1


async def test_a_fault_is_named_by_its_driver_and_not_by_what_it_says(db: Database) -> None:
    with pytest.raises(DBAPIError) as raised:
        await value(db, "SELECT nothing FROM nowhere")
    assert fault_of(raised.value) == "UndefinedTableError"
    assert fault_of(TimeoutError("somebody")) == "TimeoutError"


BAD_VALUES: dict[str, object] = {
    "a number that fits no column": 2**70,
    "a text with a zero byte": "\x00",
    "a text that is no Unicode": "\ud800",
    "a thing that is no value": object(),
}


@pytest.mark.parametrize("bad", BAD_VALUES)
async def test_a_value_the_database_cannot_take_is_a_fault_of_the_work(db: Database, bad: str) -> None:
    kind = "text" if isinstance(BAD_VALUES[bad], str) else "bigint"

    async def fail() -> None:
        async with unit(db) as uow:
            await uow.session.execute(text(f"SELECT CAST(:value AS {kind})"), {"value": BAD_VALUES[bad]})

    with pytest.raises(Exception) as raised:  # noqa: PT011 - the driver has several
        await fail()
    assert not is_transient(raised.value), type(raised.value)


async def test_nobody_at_the_address_is_a_fault_of_the_database() -> None:
    nowhere = Database("postgresql://nobody:nothing@127.0.0.1:1/nothing")
    with pytest.raises(OSError) as raised:  # noqa: PT011 - whatever the system says
        await nowhere.now()
    assert is_transient(raised.value)
    await nowhere.close()


async def test_too_many_at_once_is_a_fault_of_the_database(connect: Callable[..., Database]) -> None:
    one = connect(connections=1)
    one.engine.pool._timeout = 0.05  # type: ignore[attr-defined]  # five seconds of waiting teach nothing
    async with unit(one):
        with pytest.raises(PoolTimeout) as raised:
            await one.now()
    assert is_transient(raised.value)


async def test_a_connection_to_a_server_that_became_read_only_is_not_used_again(
    connect: Callable[..., Database],
) -> None:
    one = connect(connections=1)
    async with unit(one) as uow:
        await uow.session.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(DBAPIError) as raised:
        await _lock(one, new_id())
    assert is_transient(raised.value)
    await _lock(one, new_id())


async def test_no_session_can_hold_a_lock_for_ever(db: Database) -> None:
    async with unit(db) as uow:
        for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            shown = (await uow.session.execute(text(f"SHOW {setting}"))).scalar_one()
            assert shown not in {"0", ""}, setting


@pytest.mark.parametrize(
    "lost", [asyncpg.InternalClientError("waiter is done"), asyncpg.InterfaceError("closed"), OSError()]
)
def test_whatever_a_connection_raises_whose_server_was_killed_is_known_and_passes(lost: Exception) -> None:
    assert isinstance(lost, CONNECTION_FAILED)
    if not isinstance(lost, asyncpg.InterfaceError):  # that one SQLAlchemy wraps
        assert is_transient(lost)
        assert is_passing(lost)
