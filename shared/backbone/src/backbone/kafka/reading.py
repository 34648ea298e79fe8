"""Reading with a client that fails at what it cannot decode: nothing is lost by it, nothing stands still."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from backbone.kafka.clients import bounded
from backbone.messages import Incoming, Place


class Reading:
    """Reads with a client that decodes the names of headers, and fails for all partitions at the first that is no text.

    It has moved on by then in partitions of which it hands out nothing: what was really handed out is noted here.
    """

    def __init__(self, consumer: AIOKafkaConsumer, patience: float) -> None:
        self._consumer, self._patience = consumer, patience
        self.at: dict[TopicPartition, int] = {}

    async def many(
        self, wait: float, most: int, only: Collection[TopicPartition] = (), more_patience: float = 0
    ) -> dict[Place, list[Incoming]]:
        """Messages by partition. One that the client cannot read is handed out as unreadable, alone."""
        patience = wait + self._patience + more_patience
        reading = self._consumer.getmany(*only, timeout_ms=int(wait * 1000), max_records=most)
        try:
            read = await bounded(reading, patience, "read")
        except UnicodeDecodeError:
            return await self._one_of_each(only or self._consumer.assignment())
        return self._handed_out(read)

    async def _one_of_each(self, only: Collection[TopicPartition]) -> dict[Place, list[Incoming]]:
        found: dict[Place, list[Incoming]] = {}
        places = [place for place in self._consumer.assignment() if place in self.at and place in only]
        for place in places:
            self._consumer.seek(place, self.at[place])
        for place in places:
            if place in self._consumer.paused():
                continue
            try:
                reading = self._consumer.getmany(place, timeout_ms=500, max_records=1)
                found |= self._handed_out(await bounded(reading, self._patience, "read"))
            except UnicodeDecodeError:
                at = await bounded(self._consumer.position(place), self._patience, "ask how far it is")
                self._consumer.seek(place, at + 1)
                self.at[place] = at + 1
                why = "the name of a header is no text"
                found[place_of(place)] = [Incoming(place.topic, place.partition, at, None, None, (), 0, why)]
        return found

    def _handed_out(self, read: Mapping[TopicPartition, Sequence[Any]]) -> dict[Place, list[Incoming]]:
        self.at |= {place: messages[-1].offset + 1 for place, messages in read.items()}
        return {place_of(place): [_incoming(message) for message in messages] for place, messages in read.items()}


def place_of(partition: TopicPartition) -> Place:
    """The client's partition as ours."""
    return Place(partition.topic, partition.partition)


def _incoming(message: Any) -> Incoming:
    return Incoming(
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        tuple((name, value or b"") for name, value in message.headers),
        message.timestamp,
    )
