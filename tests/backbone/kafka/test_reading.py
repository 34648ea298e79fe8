"""What other clients write is read, or handed out as unreadable."""

from __future__ import annotations

import struct

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from backbone.kafka.topics import replay
from backbone.messages import Outgoing
from tests.backbone.broker_suite import BrokerSuite, message
from tests.backbone.kafka.real import RealKafka


async def test_a_header_without_a_value_is_an_empty_one(world: RealKafka) -> None:
    topic, sender = await world.topic(), world.sender()
    await sender.send([Outgoing(topic, b"key", b"", [("none", None)], 0)])  # type: ignore[list-item]  # others may send it
    member = BrokerSuite().member(world, [topic])
    async with member as reader:
        (read,) = await reader.read(1)
    assert read.headers == (("none", b""),)


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
    member = BrokerSuite().member(world, [topic])
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
