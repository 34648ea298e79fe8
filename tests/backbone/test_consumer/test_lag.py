"""How far behind a consumer is can be read from the database and from the metric, and both are true."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from backbone import consumer as subject
from backbone.database import UnitOfWork
from backbone.telemetry import REGISTRY
from backbone.testing import Broker, TwinLog
from reliefpath import events
from reliefpath.envelope import Heard
from tests.backbone.broker_suite import until
from tests.backbone.test_consumer.workers import (
    REFERRAL,
    SCHEDULING,
    Deaf,
    Steps,
    Workers,
    one_in_each_partition,
    until_row,
)
from tests.support.visiting.world import leave_mark, received, rows, value


async def test_how_far_behind_it_is_can_be_read_from_the_database(workers: Workers) -> None:
    go_on = asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await go_on.wait()
        await leave_mark(uow, heard)

    (journey, _) = one_in_each_partition()
    workers.say(journey)
    async with workers.running():
        await workers.caught_up()
    workers.reactions[events.ReferralReceived] = react
    query = 'SELECT next, "end", oldest_at IS NOT NULL FROM backbone.lags WHERE topic = :t AND partition = 0'
    async with workers.running():
        await until_row(workers, query, (1, 1, False))
        workers.say(journey, journey)
        go_on.set()
        await until_row(workers, query, (3, 3, False))


async def test_a_consumer_that_hears_nothing_of_a_partition_yet_shows_it_as_lag(workers: Workers, twin: Broker) -> None:
    (journey, _) = one_in_each_partition()
    query = 'SELECT next, "end", oldest_at IS NOT NULL FROM backbone.lags WHERE topic = :t AND partition = 0'

    async def running(make: Callable[[], TwinLog]) -> None:
        async with workers.running(workers.consumer(make)):
            await until_row(workers, query, (0, 2, True))

    workers.say(journey, journey)
    await running(lambda: Deaf(twin, [REFERRAL, SCHEDULING], "visiting"))


class Truth:
    """How long the oldest unheard event of a topic has waited: by the log and the database, not by the consumer."""

    def __init__(self, workers: Workers, topic: str) -> None:
        self._workers, self._topic = workers, topic

    async def seconds(self) -> float:
        query = "SELECT partition, next FROM backbone.offsets WHERE topic = :t"
        found = await rows(self._workers.db, query, t=self._topic)
        nexts: dict[int, int] = {row.partition: row.next for row in found}
        unheard = [
            message.recorded_at
            for place in self._workers.twin.places([self._topic])
            for message in self._workers.twin.partition(place).messages[nexts.get(place.partition, 0) :]
        ]
        return (datetime.now(UTC) - min(unheard)).total_seconds() if unheard else 0.0

    async def agrees(self) -> None:
        """Wait for the metric to say the same, to a third of a second; and the database for those who look there."""
        stored = "SELECT extract(epoch FROM clock_timestamp() - min(oldest_at)) FROM backbone.lags WHERE topic = :t"
        told = (math.inf, 0.0, 0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while max(told) - min(told) > 0.3:
                    await asyncio.sleep(0.02)
                    shown = REGISTRY.get_sample_value("reliefpath_lag_seconds", {"topic": self._topic})
                    kept = float(await value(self._workers.db, stored, t=self._topic) or 0)
                    told = math.inf if shown is None else shown, kept, await self.seconds()
        assert max(told) - min(told) <= 0.3, told


def _say_at(workers: Workers, journey: UUID, *seconds_ago: float) -> None:
    """Events that were said so long ago, in this order."""
    for ago in seconds_ago:
        said = workers.voice.say(received(), journey)
        workers.twin.append(replace(said, at=int((time.time() - ago) * 1000)))


@pytest.mark.parametrize("batch", [1, 500])
async def test_lag_in_seconds_is_how_long_the_oldest_unheard_event_has_really_waited(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """The consumer is stopped while events are said at known times; then it takes them one by one, and one is late."""
    monkeypatch.setattr(subject, "BATCH", batch)
    one, other = one_in_each_partition()
    truth, steps = Truth(workers, REFERRAL), Steps(workers)
    async with workers.running():
        await truth.agrees()
    _say_at(workers, one, 90, 60, 30, 7)
    _say_at(workers, other, 80, 10)
    async with workers.running():
        await truth.agrees()
        for heard in range(1, 7):
            steps.go_on()
            await _until_heard(workers, heard if batch == 1 else 0)
            await truth.agrees()
        await workers.caught_up()
        assert await truth.seconds() == 0
        await asyncio.sleep(0.2)
        _say_at(workers, one, 0)
        await asyncio.sleep(0.7)
        await truth.agrees()
        assert await truth.seconds() > 0.7
        steps.go_on()
        await workers.caught_up()
        await truth.agrees()


async def _until_heard(workers: Workers, count: int) -> None:
    """Wait until so many events have had their effect."""
    async with asyncio.timeout(10):
        while await value(workers.db, "SELECT count(*) FROM marks") < count:
            await asyncio.sleep(0.02)


async def test_lag_goes_on_growing_while_kafka_is_away(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 1)
    one, other = one_in_each_partition()
    truth, steps = Truth(workers, REFERRAL), Steps(workers)
    _say_at(workers, one, 50)
    _say_at(workers, other, 40)
    async with workers.running() as consumer:
        await truth.agrees()
        twin.away = True
        steps.go_on()
        await until(lambda: not consumer.connected)
        await asyncio.sleep(0.6)
        shown = REGISTRY.get_sample_value("reliefpath_lag_seconds", {"topic": REFERRAL})
        assert shown == pytest.approx(await truth.seconds(), abs=0.3)
        twin.away = False
        steps.go_on()
        await workers.caught_up()
        await truth.agrees()


async def test_no_lag_is_shown_of_what_another_reads_now(workers: Workers, twin: Broker) -> None:
    def shown() -> dict[str, float]:
        (family,) = [one for one in REGISTRY.collect() if one.name == "reliefpath_lag_seconds"]
        return {sample.labels["topic"]: sample.value for sample in family.samples}

    steps, (one, _) = Steps(workers), one_in_each_partition()
    workers.say(one)
    consumer = workers.consumer()
    async with workers.running(consumer):
        await until(lambda: shown().keys() == {REFERRAL, SCHEDULING})
        steps.go_on()
        await workers.caught_up()
        await consumer._lost(set(twin.places([REFERRAL])))
        await until(lambda: shown().keys() == {SCHEDULING})
