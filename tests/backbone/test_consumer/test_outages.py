"""While the database fails or Kafka is away the consumer waits: nothing is lost, done twice or parked."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import text

from backbone.database import UnitOfWork
from backbone.rows import new_id
from backbone.testing import Broker
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.broker_suite import until
from tests.backbone.test_consumer.workers import Workers
from tests.support.visiting.world import leave_mark, value


@pytest.mark.parametrize("fault", ["40P01", "40001", "57P01", "25006"])
async def test_a_fault_of_the_database_is_waited_for_and_parks_nothing(workers: Workers, fault: str) -> None:
    journeys, faults = [new_id() for _ in range(4)], iter([True, True, True, False])

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        await uow.session.flush()
        if next(faults, False):
            await uow.session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{fault}'; END $$"))

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1]] * 4
    assert await value(workers.db, "SELECT count(*) FROM backbone.held") == 0


async def test_when_all_connections_break_nothing_is_lost_or_done_twice(workers: Workers) -> None:
    journeys = [new_id() for _ in range(5)]
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with workers.running():
        for _ in range(4):
            workers.say(*journeys)
            with suppress(Exception):
                await value(workers.db, cut)
            await asyncio.sleep(0.05)
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1, 2, 3, 4]] * 5
    assert await value(workers.db, "SELECT count(*) FROM backbone.held") == 0


async def test_while_kafka_is_away_the_consumer_waits_and_says_so(workers: Workers, twin: Broker) -> None:
    journey = new_id()
    async with workers.running() as consumer:
        await until(lambda: consumer.connected)
        twin.away = True
        await until(lambda: not consumer.connected)
        twin.away = False
        workers.say(journey)
        await workers.caught_up()
        await until(lambda: consumer.connected)
    assert await workers.effects(journey) == [[1]]
