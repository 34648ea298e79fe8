"""A member of a group on a real Kafka."""

from __future__ import annotations

import asyncio

import confluent_kafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from backbone.kafka.log import CONSUMER_SETTINGS
from backbone.kafka.topics import Topic, create_topics
from backbone.messages import Place
from backbone.rows import new_id
from tests.backbone.broker_suite import BrokerSuite
from tests.backbone.kafka.real import RealKafka


class TestKafka(BrokerSuite):
    """What the twin keeps, Kafka keeps."""


async def test_a_topic_that_was_recreated_under_its_reader_is_placed_anew(
    world: RealKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CONSUMER_SETTINGS["metadata_max_age_ms"] <= 30_000, "the client would not look for five minutes"
    monkeypatch.setitem(CONSUMER_SETTINGS, "metadata_max_age_ms", 1_000)
    topic = await world.topic()
    log, gains = world.log([topic], f"group-{new_id()}"), []

    async def gained(places: set[Place]) -> dict[Place, int]:
        gains.append(places)
        return dict.fromkeys(places, 0)

    async def lost(_: set[Place]) -> None:
        return

    async def until_gained(wanted: set[Place]) -> None:
        async with asyncio.timeout(20):
            while not gains or gains[-1] != wanted:
                await log.read(0.05, 10)

    await log.start(gained, lost)
    try:
        await until_gained({Place(topic, 0)})
        admin = AIOKafkaAdminClient(bootstrap_servers=world.servers)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()
        await until_gained(set())
        assert await create_topics(world.servers, [Topic(topic, 1, 1)], 10) == [topic]
        await until_gained({Place(topic, 0)})
    finally:
        await log.stop()


async def test_the_end_of_a_transaction_is_no_message_and_is_passed(world: RealKafka) -> None:
    topic = await world.topic()
    plain = confluent_kafka.Producer({"bootstrap.servers": world.servers, "transactional.id": topic})
    await asyncio.to_thread(plain.init_transactions)
    plain.begin_transaction()
    plain.produce(topic, b"value", b"key")
    await asyncio.to_thread(plain.commit_transaction)
    member = BrokerSuite().member(world, [topic])
    async with member as reader:
        (read,) = await reader.read(1)
        assert read.offset == 0
        await reader.nothing()
        place = Place(topic, 0)
        assert (await reader.log.position(place), (await reader.log.ends())[place]) == (2, 2)
