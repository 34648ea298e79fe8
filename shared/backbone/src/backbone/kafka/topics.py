"""Topics: how they are made, where they begin, and all that they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from backbone.kafka.clients import abandon, bounded, onlooker
from backbone.kafka.reading import Reading, place_of
from backbone.messages import Incoming, KafkaAway, Place


async def beginnings(servers: str, places: Iterable[Place], patience: float) -> dict[Place, int]:
    """The first offset each partition still holds."""
    async with onlooker(servers, patience) as consumer:
        wanted = [TopicPartition(one.topic, one.partition) for one in places]
        found = await bounded(consumer.beginning_offsets(wanted), patience, "ask for the beginnings")
        return {place_of(one): offset for one, offset in found.items()}


async def replay(servers: str, topics: Sequence[str], most: int, patience: float) -> AsyncIterator[list[Incoming]]:
    """All that the topics hold, from their beginnings to their ends as they are now. Raises KafkaAway."""
    async with onlooker(servers, patience, *topics) as consumer:
        places, reading = list(consumer.assignment()), Reading(consumer, patience)
        left = await bounded(consumer.end_offsets(places), patience, "ask for the ends")
        reading.at |= await bounded(consumer.beginning_offsets(places), patience, "ask for the beginnings")
        while left:
            read = await reading.many(0.5, most)
            for messages in read.values():
                yield messages
            if not read:  # the client itself would wait for ever for a broker that is away
                await bounded(consumer.end_offsets(list(left)), patience, "ask whether it is there")
            for place in list(left):
                if await bounded(consumer.position(place), patience, "ask how far it is") >= left[place]:
                    del left[place]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is to be."""

    name: str
    partitions: int
    replicas: int


async def create_topics(servers: str, topics: Sequence[Topic], patience: float) -> list[str]:
    """Create the topics that are missing; the names of those created. Raises KafkaAway."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=int(patience * 1000))
    try:
        await bounded(admin.start(), patience, "connect")
        existing = set(await bounded(admin.list_topics(), patience, "list topics"))
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        answer = await bounded(admin.create_topics([_new_topic(topic) for topic in missing]), patience, "create topics")
        for name, code, *_ in answer.topic_errors:
            if code not in {0, TopicAlreadyExistsError.errno}:
                raise KafkaAway(f"the topic {name} was not created: error {code}")
        return [topic.name for topic in missing]
    finally:
        await abandon(admin.close(), patience)


def _new_topic(topic: Topic) -> NewTopic:
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "min.insync.replicas": str(max(1, topic.replicas - 1)),
        "message.timestamp.type": "CreateTime",
    }
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replicas,
        topic_configs=settings,
    )
