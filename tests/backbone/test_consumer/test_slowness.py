"""What is slow or locked waits alone."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone import hearing
from backbone.database import UnitOfWork
from backbone.rows import new_id
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.test_consumer.workers import Workers, one_in_each_partition, partition_of
from tests.support.visiting.world import leave_mark, marks, received, rows, unit


@pytest.mark.parametrize("state", ["57014", "55P03"])
async def test_a_reaction_that_is_always_too_slow_parks_its_journey_and_nobody_else(
    workers: Workers, state: str
) -> None:
    slow, others = new_id(), [new_id() for _ in range(3)]

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        if heard.attributes.stream == slow:
            await uow.session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

    workers.reactions[events.ReferralReceived] = react
    workers.say(*others, slow, *others)
    async with workers.running():
        await workers.caught_up()
        await workers.until_held(slow, [(1, "parked")])
    assert await workers.effects(slow, *others) == [[], [1, 2], [1, 2], [1, 2]]


async def test_what_takes_long_in_one_partition_keeps_no_other_waiting(workers: Workers) -> None:
    slow, other = one_in_each_partition()
    go_on = asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        if heard.attributes.stream == slow:
            await go_on.wait()
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    workers.say(slow, other)
    async with workers.running():
        for count in range(2, 6):
            workers.say(slow, other)
            await _until_effects(workers, other, list(range(1, count + 1)))
        assert await workers.effects(slow) == [[]]
        go_on.set()
        await workers.caught_up()
    assert await workers.effects(slow, other) == [[1, 2, 3, 4, 5]] * 2


async def _until_effects(workers: Workers, journey: UUID, wanted: list[int]) -> None:
    async with asyncio.timeout(10):
        while await marks(workers.db, journey) != wanted:
            await asyncio.sleep(0.02)


async def test_a_journey_that_somebody_keeps_locked_waits_alone_and_is_heard_once_it_is_free(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "LOCK_PATIENCE", 0.1)
    here, there = one_in_each_partition()
    locked = next(one for one in iter(new_id, None) if partition_of(one) == partition_of(here))
    workers.say(locked, here, there)
    async with workers.running():
        await workers.caught_up()
        async with unit(workers.db) as uow:
            await uow.lock(locked)
            for count in (2, 3):
                workers.say(locked, here, there, locked)
                await _until_effects(workers, here, list(range(1, count + 1)))
                await _until_effects(workers, there, list(range(1, count + 1)))
            await workers.caught_up()
            assert await workers.effects(locked) == [[1]]
        await workers.until_held(locked, [])
    assert await workers.effects(locked, here, there) == [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2, 3]]


async def test_what_comes_again_while_its_journey_is_locked_has_no_effect_a_second_time(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "LOCK_PATIENCE", 0.1)
    locked = new_id()
    first = workers.voice.say(received(), locked)
    workers.twin.append(first)
    async with workers.running():
        await workers.caught_up()
        async with unit(workers.db) as uow:
            await uow.lock(locked)
            workers.twin.append(first)
            workers.say(locked)
            await workers.caught_up()
        await workers.until_held(locked, [])
    assert await workers.effects(locked) == [[1, 2]]
    ended = await rows(workers.db, "SELECT seq, ended_because FROM backbone.held ORDER BY seq")
    assert [tuple(one) for one in ended] == [(1, "it had been heard before"), (2, "it took effect")]
