"""Sending to a real Kafka."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from backbone.kafka.log import CONSUMER_SETTINGS
from backbone.kafka.producer import PRODUCER_SETTINGS
from backbone.messages import KafkaAway, Outgoing
from backbone.rows import new_id
from tests.backbone.broker_suite import BrokerSuite, message
from tests.backbone.kafka.real import PATIENCE, RealKafka
from tests.support.servers import Server


def test_no_client_keeps_the_defaults_that_lose_data() -> None:
    assert PRODUCER_SETTINGS["acks"] == "all"
    assert PRODUCER_SETTINGS["enable_idempotence"] is True
    assert CONSUMER_SETTINGS["auto_offset_reset"] == "none"
    assert CONSUMER_SETTINGS["enable_auto_commit"] is False
    assert CONSUMER_SETTINGS["isolation_level"] == "read_committed"


async def test_a_key_has_the_partition_that_every_client_gives_it(world: RealKafka) -> None:
    topic, keys = await world.topic(5), [str(new_id()) for _ in range(40)]
    await world.sender().send([message(topic, key) for key in keys])
    plain = AIOKafkaProducer(bootstrap_servers=world.servers)
    await plain.start()
    try:
        expected = {key: (await plain.send_and_wait(topic, b"", key.encode())).partition for key in keys}
    finally:
        await plain.stop()
    member = BrokerSuite().member(world, [topic])
    async with member as reader:
        read = await reader.read(80)
    assert len(set(expected.values())) > 1
    assert {(one.key or b"").decode(): one.partition for one in read if one.value} == expected


async def test_more_than_a_request_takes_arrives_in_order(world: RealKafka) -> None:
    topic = await world.topic()
    large = [Outgoing(topic, b"key", number.to_bytes(2, "big") + bytes(150_000), (), number) for number in range(20)]
    await world.sender().send(large)
    member = BrokerSuite().member(world, [topic])
    async with member as reader:
        read = await reader.read(20)
    assert [one.at for one in read] == list(range(20))
    assert [one.value for one in read] == [one.value for one in large]


async def test_while_kafka_is_down_nothing_hangs_and_afterwards_the_same_producer_sends(
    world: RealKafka, broker: Server
) -> None:
    topic, sender = await world.topic(), world.sender()
    await sender.send([message(topic, "key", 0)])
    await broker.kill()
    try:
        for _ in range(2):
            with pytest.raises(KafkaAway):
                async with asyncio.timeout(3 * PATIENCE):
                    await sender.send([message(topic, "key", 1)])
        async with asyncio.timeout(3 * PATIENCE):
            assert not await sender.answers({topic})
        async with asyncio.timeout(3 * PATIENCE):
            await sender.stop()
    finally:
        await broker.start()
    async with asyncio.timeout(20):
        while True:
            try:
                await sender.send([message(topic, "key", 2)])
                break
            except KafkaAway:
                await asyncio.sleep(0.1)
    member = BrokerSuite().member(world, [topic])
    async with member as reader:
        async with asyncio.timeout(10):
            read = await reader.read(2)
            while read[-1].value != b"2":
                read += await reader.read(1)
    assert read[0].value == b"0"
