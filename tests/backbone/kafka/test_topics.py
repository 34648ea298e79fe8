"""Topics of a real Kafka."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from backbone.kafka.topics import Topic, beginnings, create_topics, replay
from backbone.messages import KafkaAway, Outgoing, Place
from backbone.rows import new_id
from tests.backbone.broker_suite import message
from tests.backbone.kafka.real import PATIENCE, RealKafka
from tests.support.servers import Server


async def test_topics_are_created_once_and_as_they_are_to_be(kafka: str) -> None:
    wanted = [Topic(f"wide-{new_id()}", 3, 1), Topic(f"narrow-{new_id()}", 1, 1)]
    assert await create_topics(kafka, wanted, 10) == [one.name for one in wanted]
    assert await create_topics(kafka, wanted, 10) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        described = {
            one["topic"]: len(one["partitions"]) for one in await admin.describe_topics([w.name for w in wanted])
        }
        settings = {}
        for topic in wanted:
            (answer,) = await admin.describe_configs([subject_of(topic.name)])
            settings[topic.name] = {name: value for name, value, *_ in answer.resources[0][4]}
    finally:
        await admin.close()
    assert described == {one.name: one.partitions for one in wanted}
    assert {(one["cleanup.policy"], one["retention.ms"]) for one in settings.values()} == {("delete", "-1")}


def subject_of(topic: str) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic)


async def test_the_beginning_is_the_first_offset_that_is_still_there(world: RealKafka) -> None:
    topic = await world.topic()
    await world.sender().send([message(topic, "key", n) for n in range(5)])
    await world.trim(Place(topic, 0), 2)
    assert await beginnings(world.servers, [Place(topic, 0)], 10) == {Place(topic, 0): 2}


async def test_a_replay_says_that_kafka_went_away_instead_of_waiting_for_ever(world: RealKafka, broker: Server) -> None:
    topic = await world.topic()
    await world.sender().send([Outgoing(topic, b"key", os.urandom(100_000), (), number) for number in range(100)])
    await world.close()

    async def read_on_while_it_dies() -> None:
        async for _ in replay(world.servers, [topic], 5, PATIENCE):
            if broker.running:
                await broker.kill()

    try:
        with pytest.raises(KafkaAway, match="whether it is there"):
            await asyncio.wait_for(read_on_while_it_dies(), 30)
    finally:
        await broker.start()
