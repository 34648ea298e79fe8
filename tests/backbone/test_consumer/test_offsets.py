"""The database says where to go on; where Kafka has nothing there, the partition stops and says so."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import text

from backbone import consumer as subject
from backbone import offsets
from backbone.messages import Outgoing, Place
from backbone.offsets import restart
from backbone.rows import new_id
from backbone.testing import Broker, TwinLog
from tests.backbone.broker_suite import until
from tests.backbone.test_consumer.workers import REFERRAL, Workers, one_in_each_partition, partition_of
from tests.support.visiting.world import unit, value


async def test_an_offset_that_is_gone_stops_its_partition_alone_and_says_so(workers: Workers, twin: Broker) -> None:
    here, there = one_in_each_partition()
    workers.say(here, there, here, there)
    async with workers.running():
        await workers.caught_up()
    workers.say(here, there, here, there)
    cut = Place(REFERRAL, 0 if partition_of(here) == 0 else 1)
    twin.trim(cut, 3)
    async with workers.running() as consumer:
        await until(lambda: consumer.offsets_gone == [f"{REFERRAL}/{cut.partition} at 2"])
        for _ in range(3):
            workers.say(there)
        async with asyncio.timeout(10):
            while await workers.effects(there) != [[1, 2, 3, 4, 5, 6, 7]]:
                await asyncio.sleep(0.02)
        assert await workers.effects(here) == [[1, 2]]
        assert consumer.offsets_gone
        shown = "SELECT begins FROM backbone.lags WHERE topic = :t AND partition = :p"
        async with asyncio.timeout(10):
            while await value(workers.db, shown, t=cut.topic, p=cut.partition) != 3:
                await asyncio.sleep(0.02)
        async with unit(workers.db) as uow:  # a person says where to go on
            assert await restart(uow, cut) == 3
        await until(lambda: not consumer.offsets_gone)
        await workers.caught_up()
        await workers.until_held(here, [(4, "missing")])


async def test_where_only_the_message_before_is_gone_it_goes_on(workers: Workers, twin: Broker) -> None:
    here, _ = one_in_each_partition()
    workers.say(here, here)
    async with workers.running():
        await workers.caught_up()
    workers.say(here)
    twin.trim(Place(REFERRAL, partition_of(here)), 2)
    async with workers.running() as consumer:
        await workers.caught_up()
        assert not consumer.offsets_gone
    assert await workers.effects(here) == [[1, 2, 3]]


async def test_a_topic_that_was_recreated_and_has_grown_past_the_offset_is_noticed_and_read_again_from_its_beginning(
    workers: Workers, twin: Broker
) -> None:
    here, _ = one_in_each_partition()
    place = Place(REFERRAL, partition_of(here))
    workers.say(here, here, here)
    async with workers.running():
        await workers.caught_up()
    said = list(twin.partition(place).messages)
    twin.create(REFERRAL, 2)
    workers.say(here, here, here, here)  # the new log's offsets 0 to 3 are seq 4 to 7; the old one's next was 3
    new = twin.partition(place).messages
    for message in [*said, *new[:1]]:  # and the speaker sends again what it said before
        twin.append(Outgoing(message.topic, message.key or b"", message.value or b"", message.headers, message.at))
    async with workers.running() as consumer:
        await until(lambda: consumer.offsets_gone == [f"{REFERRAL}/{place.partition} at 3"])
        assert await workers.effects(here) == [[1, 2, 3]], "nothing of the other log has had an effect"
        shown = "SELECT begins FROM backbone.lags WHERE topic = :t AND partition = :p"
        async with asyncio.timeout(10):
            while await value(workers.db, shown, t=place.topic, p=place.partition) is None:
                await asyncio.sleep(0.02)
        async with unit(workers.db) as uow:
            assert await restart(uow, place) == 0
        await until(lambda: not consumer.offsets_gone)
        await workers.caught_up()
    assert await workers.effects(here) == [[1, 2, 3, 4, 5, 6, 7]]


async def test_a_database_that_was_set_back_is_caught_up_from_where_it_says(workers: Workers) -> None:
    journey = new_id()
    async with workers.running():
        workers.say(journey, journey, journey)
        await workers.caught_up()
        async with unit(workers.db) as uow:  # as after a restore: effects, places and offset are of yesterday
            await uow.session.execute(text("DELETE FROM marks WHERE seq > 1"))
            await uow.session.execute(text("UPDATE backbone.heard SET seq = 1"))
            await uow.session.execute(text("UPDATE backbone.offsets SET next = least(next, 1), mark = NULL"))
        workers.say(journey)
        await workers.caught_up()
    assert await workers.effects(journey) == [[1, 2, 3, 4]]
    assert await value(workers.db, "SELECT count(*) FROM backbone.held WHERE ended_at IS NULL") == 0


async def test_where_an_offset_is_gone_and_its_partition_goes_to_another_meanwhile_nothing_fails(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, place = workers.consumer(), Place(REFERRAL, 0)
    consumer._gone = {place: 7}

    async def positions(*_: Any) -> dict[Place, int]:
        await consumer._lost({place})
        return {place: 9}

    monkeypatch.setattr(offsets, "positions", positions)
    await consumer._look_for_gone(TwinLog(twin, [REFERRAL], "visiting"))
    assert consumer.offsets_gone == []


async def test_a_topic_that_was_recreated_while_the_process_stood_still_is_noticed_and_nothing_of_it_is_skipped(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAUSED", 0.3)
    here, new = one_in_each_partition()[0], [new_id() for _ in range(40)]
    place = Place(REFERRAL, partition_of(here))
    workers.say(here, here, here)
    async with workers.running() as consumer:
        await workers.caught_up()
        twin.create(REFERRAL, 2)
        workers.say(*new)
        time.sleep(0.5)  # noqa: ASYNC251 - standing still is what is tried
        await until(lambda: f"{REFERRAL}/{place.partition} at 3" in consumer.offsets_gone)
    skipped = [one for one in new if partition_of(one) == place.partition]
    assert await workers.effects(*skipped) == [[]] * len(skipped), "none before it was said where to go on"
