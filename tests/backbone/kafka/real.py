"""The tests' own Kafka, as the suite that it shares with its twin uses it."""

from __future__ import annotations

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from backbone.kafka.log import KafkaLog
from backbone.kafka.producer import Producer
from backbone.kafka.topics import Topic, create_topics
from backbone.messages import Place
from backbone.rows import new_id

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
