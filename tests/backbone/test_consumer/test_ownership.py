"""A partition goes from one worker to another, and what was in work is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from backbone import consumer as subject
from backbone import hearing
from backbone.database import UnitOfWork
from backbone.messages import Incoming, Place
from backbone.rows import new_id
from backbone.testing import Broker, TwinLog
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.broker_suite import until
from tests.backbone.test_consumer.workers import (
    REFERRAL,
    SCHEDULING,
    Steps,
    Workers,
    one_in_each_partition,
    partition_of,
)
from tests.support.visiting.world import leave_mark, rows, unit, value


async def test_a_former_owner_that_wakes_up_does_nothing(workers: Workers) -> None:
    journey = new_id()
    early = workers.say(journey, journey, journey)
    place = Place(REFERRAL, early[0].partition)
    async with workers.running():
        await workers.caught_up()
    zombie = workers.consumer()
    zombie._next = {place: 0}
    before = await rows(workers.db, "SELECT * FROM backbone.offsets ORDER BY 1, 2")
    await zombie._take(place, early[:2], 0, carefully=False)
    assert await workers.effects(journey) == [[1, 2, 3]]
    assert await rows(workers.db, "SELECT * FROM backbone.offsets ORDER BY 1, 2") == before
    late = workers.say(journey)
    await zombie._take(place, [*early, *late], 0, carefully=False)  # what is new to the database is not stale
    assert await workers.effects(journey) == [[1, 2, 3, 4]]


async def test_what_was_in_work_when_a_partition_went_to_another_is_done_once(workers: Workers) -> None:
    journeys, slow = [new_id() for _ in range(6)], asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        if not slow.is_set():
            slow.set()
            await asyncio.sleep(30)

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    async with workers.running():
        await slow.wait()
        async with workers.running():
            await workers.caught_up()
    assert await workers.effects(*journeys) == [[1]] * 6


async def test_workers_that_come_and_go_lose_nothing_and_do_nothing_twice(workers: Workers) -> None:
    journeys = [new_id() for _ in range(12)]
    async with workers.running():
        for _ in range(4):
            workers.say(*journeys)
            async with workers.running():
                workers.say(*journeys)
                await asyncio.sleep(0.05)
        await workers.caught_up()
    assert await workers.effects(*journeys) == [list(range(1, 9))] * 12


class Restless(TwinLog):
    """A log whose partitions are dealt anew, to the same member, whenever it is only looked at."""

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        if wait == 0:
            self._paused.clear()
        return await super().read(wait, most, only)


async def test_slow_work_keeps_its_place_in_the_group_and_skips_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    journeys = [new_id() for _ in range(4)]

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await asyncio.sleep(0.05)
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    consumer = workers.consumer(lambda: Restless(workers.twin, [REFERRAL, SCHEDULING], "visiting"))
    async with workers.running(consumer):
        for _ in range(4):
            await asyncio.sleep(0.05)
            workers.say(*journeys)
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1, 2, 3, 4, 5]] * 4


async def test_work_that_was_given_up_as_its_partition_was_to_go_to_another_is_not_passed(workers: Workers) -> None:
    here, _ = one_in_each_partition()
    Steps(workers)  # nothing goes on
    place, consumer = Place(REFERRAL, partition_of(here)), workers.consumer()
    workers.say(here, here)
    async with workers.running(consumer):
        await until(lambda: place in consumer._working)
        consumer._working.pop(place).cancel()  # as when it is lost, before it is known to whom it goes
        for _ in range(5):
            assert consumer._log is not None
            await consumer._observe(consumer._log, ())
        assert (
            await value(workers.db, "SELECT next FROM backbone.offsets WHERE partition = 0 AND topic = :t", t=REFERRAL)
            == 0
        )


async def test_what_is_handed_out_of_a_partition_in_work_makes_nothing_in_work_lost(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that hands out what it was not asked for, as one did that met a message it could not read."""
    monkeypatch.setattr(hearing, "ANYWAY_AFTER", 30)

    class Overeager(TwinLog):
        async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
            return await super().read(wait, 1)

    here = one_in_each_partition()[0]
    other = next(one for one in iter(new_id, None) if partition_of(one) == partition_of(here))
    async with (
        workers.running(workers.consumer(lambda: Overeager(twin, [REFERRAL, SCHEDULING], "visiting"))),
        unit(workers.db) as uow,
    ):
        await uow.lock(here)
        workers.say(here)
        await asyncio.sleep(1.5)
        workers.say(other, other)
        await asyncio.sleep(2.5)
    async with workers.running():
        await workers.caught_up()
        async with asyncio.timeout(20):
            while await workers.effects(here, other) != [[1], [1, 2]]:
                await asyncio.sleep(0.05)


async def test_what_was_read_before_partitions_were_shared_out_anew_is_read_again(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work was given up with them: what was read behind it must not be taken first."""
    monkeypatch.setattr(hearing, "ANYWAY_AFTER", 30)
    reads: list[Place] = []

    class Rejoining(TwinLog):
        async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
            if len(reads) == 2:
                return await super().read(wait, most, only)
            read = await super().read(wait, 1)
            reads.extend(read)
            if len(reads) == 2:
                mine = set(self._mine)
                await self.give_back()
                await self.receive(mine)
            return read

    here = one_in_each_partition()[0]
    other = next(one for one in iter(new_id, None) if partition_of(one) == partition_of(here))
    async with (
        workers.running(workers.consumer(lambda: Rejoining(twin, [REFERRAL, SCHEDULING], "visiting"))),
        unit(workers.db) as uow,
    ):
        await uow.lock(here)
        workers.say(here)
        await until(lambda: len(reads) == 1)
        await asyncio.sleep(0.2)
        workers.say(other)
        await until(lambda: len(reads) == 2)
        await asyncio.sleep(1)
    async with workers.running():
        await workers.caught_up()
        async with asyncio.timeout(20):
            while await workers.effects(here, other) != [[1], [1]]:
                await asyncio.sleep(0.05)


async def test_a_worker_that_is_ended_while_it_leaves_its_group_has_left_it(workers: Workers) -> None:
    journeys, begun, ended = one_in_each_partition(), asyncio.Event(), asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()
            await asyncio.sleep(0.2)  # as when a connection is closed

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    working = asyncio.create_task(workers.consumer().run())
    await begun.wait()
    working.cancel()
    await ended.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    workers.reactions[events.ReferralReceived] = leave_mark
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1], [1]]


async def test_a_batch_before_which_something_was_not_taken_is_not_taken_either(workers: Workers) -> None:
    journey = new_id()
    said = workers.say(journey, journey, journey)
    place, consumer = Place(REFERRAL, said[0].partition), workers.consumer()
    await consumer._gained({place})
    with pytest.raises(subject.Misplaced):
        await consumer._take(place, said[1:], 1, carefully=False)
    assert await workers.effects(journey) == [[]]
