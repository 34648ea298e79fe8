"""Every event has its effect once, in the order of its journey; who fails holds up its own journey alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backbone import hearing, inbox, offsets
from backbone.database import UnitOfWork
from backbone.hearing import Hearer
from backbone.rows import new_id
from backbone.telemetry import REGISTRY
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.broker_suite import until
from tests.backbone.test_consumer.workers import Workers
from tests.support.visiting.world import arrived, leave_mark, value


async def test_everything_in_the_log_has_its_effect_once(workers: Workers) -> None:
    journeys = [new_id() for _ in range(10)]
    workers.say(*journeys, *journeys)
    async with workers.running():
        await workers.caught_up()
        workers.say(*journeys)
        await workers.caught_up()
    async with workers.running():
        await asyncio.sleep(0.2)
    assert await workers.effects(*journeys) == [[1, 2, 3]] * 10


BOUNDARIES: dict[str, tuple[Any, str, str]] = {
    "before the offset is looked up": (offsets, "claim", "before"),
    "before anything is heard": (Hearer, "hear", "before"),
    "after the first effect": (Hearer, "_take_effect", "after"),
    "after all effects": (Hearer, "hear", "after"),
    "before places are noted": (inbox, "note_heard", "before"),
    "after places are noted": (inbox, "note_heard", "after"),
    "before the offset is moved": (offsets, "advance", "before"),
    "after the offset is moved": (offsets, "advance", "after"),
    "before what was said is written": (UnitOfWork, "finish", "before"),
    "after what was said is written": (UnitOfWork, "finish", "after"),
    "before the commit": (AsyncSession, "commit", "before"),
    "after the commit": (AsyncSession, "commit", "after"),
}


@pytest.mark.parametrize("boundary", BOUNDARIES)
async def test_a_crash_at_any_step_leaves_all_of_a_batch_or_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    async def mark_and_say(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        uow.say(heard.attributes.stream, arrived())

    workers.reactions[events.ReferralReceived] = mark_and_say
    journeys = [new_id() for _ in range(3)]
    async with workers.running():  # positions are there before the crash
        await workers.caught_up()
    workers.say(*journeys, *journeys)
    owner, name, side = BOUNDARIES[boundary]
    original, reached = getattr(owner, name), asyncio.Event()

    async def fail_here(*given: Any, **named: Any) -> Any:
        working = any(isinstance(one, UnitOfWork) and one.cause == "consumer" for one in given) or owner is AsyncSession
        done = await original(*given, **named) if side == "after" else None
        if working and await _in_a_batch(given):
            reached.set()
            await asyncio.Event().wait()
        return done if side == "after" else await original(*given, **named)

    async def _in_a_batch(given: tuple[Any, ...]) -> bool:
        task = asyncio.current_task()
        assert task is not None
        return getattr(task.get_coro(), "__name__", "") == "_work_through"

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fail_here)
        async with workers.running():
            async with asyncio.timeout(15):
                await reached.wait()
    before = await workers.effects(*journeys)
    assert before in ([[], [], []], [[1, 2], [1, 2], [1, 2]]) or {tuple(one) for one in before} == {(), (1, 2)}
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1, 2]] * 3
    assert await value(workers.db, "SELECT count(*) FROM backbone.outbox") == 6


async def test_a_broken_event_holds_its_journey_while_its_partition_goes_on(workers: Workers) -> None:
    broken, sound = new_id(), [new_id() for _ in range(8)]

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        if heard.attributes.stream == broken and heard.attributes.seq == 2:
            raise ZeroDivisionError
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    async with workers.running():
        for _ in range(4):
            workers.say(broken, *sound)
        await workers.caught_up()
        await workers.until_held(broken, [(2, "parked"), (3, "behind"), (4, "behind")])
        await until(lambda: REGISTRY.get_sample_value("reliefpath_parked_journeys") == 1)
        workers.say(broken, *sound)
        await workers.caught_up()
    assert await workers.effects(*sound) == [[1, 2, 3, 4, 5]] * 8
    assert await workers.effects(broken) == [[1]]
    assert await value(workers.db, "SELECT attempts FROM backbone.held WHERE status = 'parked'") == 3


async def test_a_reaction_that_fails_at_first_has_its_effect_in_the_end(workers: Workers) -> None:
    journey, failures = new_id(), iter([True, True, False])

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        if heard.attributes.seq == 1 and next(failures, False):
            raise ZeroDivisionError

    workers.reactions[events.ReferralReceived] = react
    async with workers.running():
        workers.say(journey, journey)
        async with asyncio.timeout(10):
            while await workers.effects(journey) != [[1, 2]]:
                await asyncio.sleep(0.02)
    assert await value(workers.db, "SELECT count(*) FROM backbone.held WHERE ended_at IS NULL") == 0


async def test_a_reaction_that_waits_goes_on_when_the_awaited_is_heard_on_another_topic(workers: Workers) -> None:
    journey = new_id()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        found = await uow.session.execute(
            text("SELECT count(*) FROM marks WHERE journey = :j AND text LIKE '%PatientArrived%'"), {"j": journey}
        )
        if not found.scalar_one():
            raise hearing.Awaits("scheduling.PatientArrived")
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    async with workers.running():
        workers.say(journey, journey)
        await workers.until_held(journey, [(1, "waiting"), (2, "behind")])
        workers.say(journey, event=arrived)
        await workers.until_held(journey, [])
    assert await value(workers.db, "SELECT count(*) FROM marks") == 3


async def test_a_batch_that_fails_beyond_its_reactions_ends_the_process_and_keeps_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(inbox, "note_heard", fail)
    journey = new_id()
    workers.say(journey)
    async with asyncio.timeout(10):
        with pytest.raises(ZeroDivisionError):
            await workers.consumer().run()
    assert await workers.effects(journey) == [[]]
