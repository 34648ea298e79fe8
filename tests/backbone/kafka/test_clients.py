"""Every call ends in time."""

from __future__ import annotations

import asyncio

import pytest

from backbone.kafka.clients import bounded
from backbone.kafka.producer import Producer
from backbone.kafka.topics import Topic, beginnings, create_topics
from backbone.messages import KafkaAway, Place
from tests.backbone.broker_suite import message


async def test_what_takes_too_long_is_kafka_being_away() -> None:
    with pytest.raises(KafkaAway, match="ask: TimeoutError"):
        await bounded(asyncio.sleep(5), 0.01, "ask")


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
