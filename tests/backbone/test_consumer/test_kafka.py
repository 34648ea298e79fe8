"""From commit to effect over the real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from backbone.consumer import Consumer
from backbone.database import Database
from backbone.hearing import Hearer
from backbone.kafka.log import CONSUMER_SETTINGS, KafkaLog
from backbone.kafka.producer import Producer
from backbone.kafka.topics import create_topics
from backbone.messages import Place
from backbone.relay import Relay
from backbone.rows import new_id
from backbone.settings import Settings
from backbone.topics import topics
from reliefpath import events
from tests.backbone.test_consumer.workers import REFERRAL
from tests.support.visiting.world import leave_mark, marks, received, unit, value


class Network:
    """A speaker's database and relay, and a hearer's workers, over the real Kafka."""

    def __init__(self, kafka: str, speaker: Database, hearer: Database, address: str) -> None:
        self.kafka, self.speaker, self.hearer, self.address = kafka, speaker, hearer, address
        self.group = f"group-{new_id()}"
        self.begin: dict[Place, int] = {}

    async def prepare(self) -> None:
        wanted = topics(Settings(topic_partitions=3))
        await create_topics(self.kafka, wanted, 20)
        log = KafkaLog(self.kafka, [REFERRAL], f"group-{new_id()}", "", 10)

        async def gained(places: set[Place]) -> dict[Place, int]:
            return dict.fromkeys(places, 0)

        async def lost(_: set[Place]) -> None:
            return

        await log.start(gained, lost)
        self.begin = await log.ends()
        await log.stop()

    async def _beginnings(self, places: set[Place]) -> dict[Place, int]:
        return {place: self.begin[place] for place in places}

    def consumer(self) -> Consumer:
        hearer = Hearer("visiting", {events.ReferralReceived: leave_mark}, tries=3)
        return Consumer(
            self.hearer, hearer, lambda: KafkaLog(self.kafka, [REFERRAL], self.group, "", 5), self._beginnings, "v", 30
        )

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        producer = Producer(self.kafka, 5, f"relay-{new_id()}")
        try:
            async with _at_work(Relay(self.address, producer, "relay", 30).run()):
                yield
        finally:
            await producer.stop()


@asynccontextmanager
async def _at_work(*work: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def network(
    kafka: str, db: Database, address: str, databases: Any, template: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Network]:
    monkeypatch.setitem(CONSUMER_SETTINGS, "heartbeat_interval_ms", 100)
    other = databases.copy(template, owner="referral")
    hearer = Database(other)
    made = Network(kafka, db, hearer, address)
    await made.prepare()
    yield made
    await hearer.close()
    databases.drop(other)


async def test_every_event_has_its_effect_once_from_commit_through_kafka_whoever_dies(network: Network) -> None:
    journeys = [new_id() for _ in range(12)]

    async def say() -> None:
        for journey in journeys:
            async with unit(network.speaker) as uow:
                uow.say(journey, received())

    async def heard() -> int:
        return int(await value(network.hearer, "SELECT count(*) FROM marks"))

    async def until_heard(count: int) -> None:
        async with asyncio.timeout(40):
            while await heard() < count:
                await asyncio.sleep(0.05)

    async with network.relaying(), network.relaying():
        async with _at_work(network.consumer().run()):
            await say()
            await until_heard(12)
            async with _at_work(network.consumer().run()):
                await say()
                await say()
            await say()
        async with network.relaying(), _at_work(network.consumer().run(), network.consumer().run()):
            await say()
            await until_heard(60)
            await asyncio.sleep(0.3)
    assert [await marks(network.hearer, journey) for journey in journeys] == [[1, 2, 3, 4, 5]] * 12
    assert await value(network.hearer, "SELECT count(*) FROM backbone.held") == 0


async def test_a_cold_start_after_kafka_went_down_and_came_back_goes_on(network: Network, broker: Any) -> None:
    journey = new_id()

    async def say() -> None:
        async with unit(network.speaker) as uow:
            uow.say(journey, received())

    async with network.relaying(), _at_work(network.consumer().run()):
        await say()
        await _until_marks(network, journey, [1])
        await broker.kill()
        try:
            await say()
            await asyncio.sleep(0.5)
        finally:
            await broker.start()
        await say()
        await _until_marks(network, journey, [1, 2, 3])


async def _until_marks(network: Network, journey: UUID, wanted: list[int]) -> None:
    async with asyncio.timeout(60):
        while await marks(network.hearer, journey) != wanted:
            await asyncio.sleep(0.1)
