"""A consumer that stands still gets a new client, then ends its process; who works or has nothing to read does not."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from backbone import consumer as subject
from backbone.rows import new_id
from backbone.testing import Broker, TwinLog
from backbone.watchdog import StoodStill
from tests.backbone.test_consumer.workers import (
    REFERRAL,
    SCHEDULING,
    Deaf,
    Steps,
    Workers,
    one_in_each_partition,
    until_row,
)


async def test_a_consumer_that_stands_still_gets_a_new_client(workers: Workers) -> None:
    workers.watchdog = 0.2
    journey = new_id()
    made: list[TwinLog] = []

    def make() -> TwinLog:
        made.append((Deaf if not made else TwinLog)(workers.twin, [REFERRAL, SCHEDULING], "visiting"))
        return made[-1]

    workers.say(journey)
    with capture_logs() as logs:
        async with workers.running(workers.consumer(make)):
            await workers.caught_up()
            await asyncio.sleep(0.4)
    assert len(made) == 2
    assert sum("stood still" in one["event"] for one in logs) == 1
    assert await workers.effects(journey) == [[1]]


async def test_a_consumer_that_stands_still_with_its_new_client_too_ends_its_process(workers: Workers) -> None:
    workers.watchdog = 0.2
    workers.say(new_id())
    made: list[TwinLog] = []

    def make() -> TwinLog:
        made.append(Deaf(workers.twin, [REFERRAL, SCHEDULING], "visiting"))
        return made[-1]

    async with asyncio.timeout(10):
        with pytest.raises(StoodStill):
            await workers.consumer(make).run()
    assert len(made) == 2


async def test_a_consumer_with_nothing_to_read_never_stands_still(workers: Workers) -> None:
    workers.watchdog = 0.5
    async with workers.running():
        workers.say(new_id())
        await workers.caught_up()
        with capture_logs() as logs:
            await asyncio.sleep(1.5)
    assert logs == []


@pytest.mark.parametrize("batch", [1, 500])
async def test_slow_work_that_goes_on_and_who_waits_for_it_do_not_stand_still(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(subject, "BATCH", batch)
    workers.watchdog = 0.4
    one, other = one_in_each_partition()
    steps = Steps(workers)
    workers.say(one, other, *[one] * 7)
    with capture_logs() as logs:
        async with workers.running():
            for _ in range(9):
                await asyncio.sleep(0.15)
                steps.go_on()
            await workers.caught_up()
    assert [line for line in logs if line["log_level"] == "error"] == []


async def test_work_that_never_ends_gets_a_new_client_and_then_ends_its_process(workers: Workers) -> None:
    workers.watchdog = 0.2
    steps = Steps(workers)
    journey, _ = one_in_each_partition()
    workers.say(journey)
    with capture_logs() as logs:
        async with asyncio.timeout(10):
            with pytest.raises(StoodStill, match=REFERRAL):
                await workers.consumer().run()
    assert sum("stood still" in one["event"] for one in logs) == 1
    assert await workers.effects(journey) == [[]]
    steps.go_on(10)
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(journey) == [[1]]


async def test_the_end_of_a_producers_transaction_is_nothing_to_wait_for(workers: Workers, twin: Broker) -> None:
    workers.watchdog = 0.3
    journey = new_id()
    workers.say(journey)
    twin.end_transaction(REFERRAL)
    query = 'SELECT DISTINCT next = "end", oldest_at IS NULL FROM backbone.lags WHERE topic = :t'
    with capture_logs() as logs:
        async with workers.running():
            await workers.caught_up()
            await asyncio.sleep(0.8)
            await until_row(workers, query, (True, True))
            workers.say(journey)
            twin.end_transaction(REFERRAL)
            twin.end_transaction(REFERRAL)
            await workers.caught_up()
        async with workers.running():
            workers.say(journey)
            await workers.caught_up()
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert await workers.effects(journey) == [[1, 2, 3]]
