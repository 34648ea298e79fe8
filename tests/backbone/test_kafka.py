"""A real Kafka, behind the one module that knows its client."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator

import confluent_kafka
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from backbone import kafka as subject
from backbone.kafka import KafkaLog, Producer, Topic, beginnings, create_topics, replay
from backbone.messages import KafkaAway, Outgoing, Place
from backbone.rows import new_id
from tests.backbone.broker_suite import BrokerSuite, message
from tests.support.servers import Server

PATIENCE = 2.0


class RealKafka:
    """The tests' own Kafka as the shared suite uses it."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._senders: list[Producer] = []

    async def topic(self, partitions: int = 1) -> str:
        name = f"suite-{new_id()}"
        await create_topics(self.servers, [Topic(name, partitions, 1)], 10)
        return name

    def sender(self) -> Producer:
        self._senders.append(Producer(self.servers, PATIENCE, "suite"))
        return self._senders[-1]

    def log(self, topics: list[str], group: str) -> KafkaLog:
        return KafkaLog(self.servers, topics, group, "", 10)

    async def trim(self, place: Place, before: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(place.topic, place.partition): RecordsToDelete(before)})
        finally:
            await admin.close()

    async def close(self) -> None:
        for sender in self._senders:
            await sender.stop()


@pytest.fixture
async def world(kafka: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealKafka]:
    monkeypatch.setitem(
        subject.CONSUMER_SETTINGS, "heartbeat_interval_ms", 100
    )  # news of a redistribution travels by it
    real = RealKafka(kafka)
    yield real
    await real.close()


class TestKafka(BrokerSuite):
    """What the twin keeps, Kafka keeps."""


def test_no_client_keeps_the_defaults_that_lose_data() -> None:
    assert subject.PRODUCER_SETTINGS["acks"] == "all"
    assert subject.PRODUCER_SETTINGS["enable_idempotence"] is True
    assert subject.CONSUMER_SETTINGS["auto_offset_reset"] == "none"
    assert subject.CONSUMER_SETTINGS["enable_auto_commit"] is False
    assert subject.CONSUMER_SETTINGS["isolation_level"] == "read_committed"


async def test_what_takes_too_long_is_kafka_being_away() -> None:
    with pytest.raises(KafkaAway, match="ask: TimeoutError"):
        await subject.bounded(asyncio.sleep(5), 0.01, "ask")


async def test_a_header_without_a_value_is_an_empty_one(world: RealKafka) -> None:
    topic, sender = await world.topic(), world.sender()
    await sender.send([Outgoing(topic, b"key", b"", [("none", None)], 0)])  # type: ignore[list-item]  # others may send it
    member = TestKafka().member(world, [topic])
    async with member as reader:
        (read,) = await reader.read(1)
    assert read.headers == (("none", b""),)


async def test_a_key_has_the_partition_that_every_client_gives_it(world: RealKafka) -> None:
    topic, keys = await world.topic(5), [str(new_id()) for _ in range(40)]
    await world.sender().send([message(topic, key) for key in keys])
    plain = AIOKafkaProducer(bootstrap_servers=world.servers)
    await plain.start()
    try:
        expected = {key: (await plain.send_and_wait(topic, b"", key.encode())).partition for key in keys}
    finally:
        await plain.stop()
    member = TestKafka().member(world, [topic])
    async with member as reader:
        read = await reader.read(80)
    assert len(set(expected.values())) > 1
    assert {(one.key or b"").decode(): one.partition for one in read if one.value} == expected


async def test_more_than_a_request_takes_arrives_in_order(world: RealKafka) -> None:
    topic = await world.topic()
    large = [Outgoing(topic, b"key", number.to_bytes(2, "big") + bytes(150_000), (), number) for number in range(20)]
    await world.sender().send(large)
    member = TestKafka().member(world, [topic])
    async with member as reader:
        read = await reader.read(20)
    assert [one.at for one in read] == list(range(20))
    assert [one.value for one in read] == [one.value for one in large]


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


async def test_nobody_at_the_address_is_kafka_being_away() -> None:
    nowhere = "127.0.0.1:1"
    for attempt in (
        lambda: create_topics(nowhere, [Topic("topic", 1, 1)], 1),
        lambda: beginnings(nowhere, [Place("topic", 0)], 1),
        lambda: Producer(nowhere, 1, "suite").send([message("topic", "key")]),
    ):
        with pytest.raises(KafkaAway):
            async with asyncio.timeout(5):
                await attempt()


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
    member = TestKafka().member(world, [topic])
    async with member as reader:
        async with asyncio.timeout(10):
            read = await reader.read(2)
            while read[-1].value != b"2":
                read += await reader.read(1)
    assert read[0].value == b"0"


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


async def test_a_topic_that_was_recreated_under_its_reader_is_placed_anew(
    world: RealKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert subject.CONSUMER_SETTINGS["metadata_max_age_ms"] <= 30_000, "the client would not look for five minutes"
    monkeypatch.setitem(subject.CONSUMER_SETTINGS, "metadata_max_age_ms", 1_000)
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


async def put_unreadable(servers: str, topic: str) -> int:
    """A message with a header whose name is no text, as clients in other languages can write one; its offset."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=10_000,
    )  # fmt: skip
    builder.append(0, 1_000, b"key", b"value", [("name", b"1")])
    written = bytearray(bytes(builder.build()).replace(b"name", b"\xff\xfe\xff\xfe"))
    struct.pack_into(">I", written, 17, calc_crc32c(bytes(written[21:])))
    plain = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=False)
    await plain.start()
    try:
        batch = plain.create_batch()
        batch.append(key=b"key", value=b"value", timestamp=1_000)
        batch.close()
        batch._buffer = written
        sent = await plain.send_batch(batch, topic, partition=0)
        return int((await sent).offset)
    finally:
        await plain.stop()


async def test_a_message_whose_header_has_a_name_that_is_no_text_is_handed_out_as_unreadable(world: RealKafka) -> None:
    topic, sender = await world.topic(2), world.sender()
    before, behind = ([message(topic, key, number) for number, key in enumerate("abcdefgh", start)] for start in (0, 8))
    await sender.send(before)
    at = await put_unreadable(world.servers, topic)
    await sender.send(behind)
    member = TestKafka().member(world, [topic])
    async with member as reader:
        read = await reader.read(17, patience=30)
    ((unreadable, place),) = [(one.unreadable, (one.partition, one.offset)) for one in read if one.unreadable]
    assert (unreadable, place) == ("the name of a header is no text", (0, at))
    assert sorted(one.at for one in read if not one.unreadable) == sorted(one.at for one in [*before, *behind])
    for partition in range(2):
        offsets = [one.offset for one in read if one.partition == partition]
        assert offsets == list(range(len(offsets)))
    told = [one async for batch in replay(world.servers, [topic], 100, 10) for one in batch]
    assert len(told) == 17


async def test_the_end_of_a_transaction_is_no_message_and_is_passed(world: RealKafka) -> None:
    topic = await world.topic()
    plain = confluent_kafka.Producer({"bootstrap.servers": world.servers, "transactional.id": topic})
    await asyncio.to_thread(plain.init_transactions)
    plain.begin_transaction()
    plain.produce(topic, b"value", b"key")
    await asyncio.to_thread(plain.commit_transaction)
    member = TestKafka().member(world, [topic])
    async with member as reader:
        (read,) = await reader.read(1)
        assert read.offset == 0
        await reader.nothing()
        place = Place(topic, 0)
        assert (await reader.log.position(place), (await reader.log.ends())[place]) == (2, 2)
