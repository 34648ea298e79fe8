"""Sending: in order, and acknowledged by all in-sync replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2

from backbone.kafka.clients import abandon, bounded, onlooker
from backbone.messages import KafkaAway, Outgoing

PRODUCER_SETTINGS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 0,
    "max_batch_size": 262_144,
    "max_request_size": 1_048_576,
    "compression_type": "lz4",
}


class Producer:
    """Sends messages in order and waits until all in-sync replicas have them."""

    def __init__(self, servers: str, timeout: float, client: str) -> None:
        self._servers, self._timeout, self._client = servers, timeout, client
        self._producer: AIOKafkaProducer | None = None

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all and wait for every acknowledgement. Raises KafkaAway; then it is unknown which of them arrived.

        After a failure the client is thrown away, as an idempotent one may never work again.
        """
        if not messages:
            return
        try:
            producer = await self._started()
            await bounded(self._send(producer, messages), self._timeout, "send")
        except BaseException:
            await self.stop()
            raise

    async def _send(self, producer: AIOKafkaProducer, messages: Sequence[Outgoing]) -> None:
        """Batches per partition, filled here: a message at a time the client spends most of its time on futures."""
        open_batches: dict[TopicPartition, Any] = {}
        full: list[tuple[TopicPartition, Any]] = []
        partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in {one.topic for one in messages}}
        for message in messages:
            there = partitions[message.topic]
            place = TopicPartition(message.topic, there[_hash(message.key) % len(there)])
            batch = open_batches.get(place)
            if batch is None or not _fits(batch, message):
                if batch is not None:
                    full.append((place, batch))
                batch = open_batches[place] = producer.create_batch()
                if not _fits(batch, message):
                    raise KafkaAway(f"a message of {len(message.value)} bytes fits into no batch")
        acknowledgements = [
            await producer.send_batch(batch, place.topic, partition=place.partition)
            for place, batch in [*full, *open_batches.items()]
        ]
        await asyncio.gather(*acknowledgements)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id=self._client,
                request_timeout_ms=int(self._timeout * 1000),
                **PRODUCER_SETTINGS,
            )
            self._producer = producer
            await bounded(producer.start(), self._timeout, "start a producer")
        return self._producer

    async def answers(self, topics: Collection[str]) -> bool:
        """Whether another client gets an answer about these topics, from the leader of every partition, in time."""
        try:
            async with onlooker(self._servers, self._timeout, *topics) as consumer:
                places = list(consumer.assignment())
                await bounded(consumer.beginning_offsets(places), self._timeout, "ask for the beginnings")
        except KafkaAway:
            return False
        return True

    async def stop(self) -> None:
        """Let go of the client, within the time-out even when Kafka does not answer.

        What was acknowledged is there, so there is nothing to flush; a client that is left to flush while Kafka is away
        would stay for ever, with its connections.
        """
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(_let_go(producer), self._timeout + 1)


def _fits(batch: Any, message: Outgoing) -> bool:
    added = batch.append(timestamp=message.at, key=message.key, value=message.value, headers=list(message.headers))
    return added is not None


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    """What every Kafka client takes of a key to find its partition, so that ours meet others' messages there."""
    return int(murmur2(key)) & 0x7FFFFFFF


async def _let_go(producer: AIOKafkaProducer) -> None:
    """What the client's own stop does, without its flush."""
    producer._closed = True  # noqa: SLF001 - first, as in its own stop: it is given up even if the rest takes too long
    await producer.client.close()  # what is under way ends at once
    if producer._sender is not None:  # noqa: SLF001 - the client has no other way not to flush
        await producer._sender.close()  # noqa: SLF001
    await producer.client.close()
