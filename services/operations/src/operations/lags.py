"""How far behind every service's consumers are: asked of the services, judged by `streams`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from backbone.streams import path_of
from backbone.streams.lag import Lag as Reported
from backbone.streams.lag import Restarted, restart_partition, show_lag
from operations import streams
from operations.peers import Answer, Asker, Peers, Silence, not_understood, refused, unsure
from operations.schemas import ConsumerLag, Lags, PartitionLag, Silent
from operations.streams import Observation

Consumers = streams.History[tuple[str, str, int]]
"""What was seen of each consumer, by service, topic and partition."""

_reported = TypeAdapter(list[Reported])


async def gather(peers: Peers, asker: Asker, seen: Consumers) -> Lags:
    """Every consumer's lag; services that do not answer are named."""
    answers, silences = await peers.ask_all(path_of(show_lag), asker)
    consumers: list[ConsumerLag] = []
    for answer in answers:
        try:
            consumers += _consumers(answer.service, _read(answer), seen)
        except Silence as silence:
            silences.append(silence)
    return Lags(consumers=consumers, silent=[Silent(service=one.service, because=one.because) for one in silences])


async def restart(
    peers: Peers, asker: Asker, service: str, topic: str, partition: int, *, key: str, body: bytes
) -> Restarted | Answer:
    """Let a service read a partition from its beginning: what it says of it, or its refusal as it came.

    Raises Unavailable when it is silent.
    """
    path = path_of(restart_partition, topic=topic, partition=partition)
    with unsure():
        answer = await peers.tell(service, path, asker, key=key, body=body)
        if answer.problem:
            return answer
        try:
            return Restarted.model_validate(answer.body)
        except ValidationError:
            raise not_understood(answer) from None


def _read(answer: Answer) -> list[Reported]:
    if answer.problem:
        raise refused(answer)
    try:
        return _reported.validate_python(answer.body)
    except ValidationError:
        raise not_understood(answer) from None


def _consumers(service: str, reported: Iterable[Reported], seen: Consumers) -> list[ConsumerLag]:
    by_topic: dict[str, list[tuple[Reported, streams.Lag]]] = defaultdict(list)
    now = datetime.now(UTC)
    for one in reported:
        observation = Observation(one.observed_at, one.next, one.end, one.seconds, gone=one.begins is not None)
        observed = seen.note((service, one.topic, one.partition), observation)
        by_topic[one.topic].append((one, streams.read(observed, now)))
    return [_consumer(service, topic, parts) for topic, parts in sorted(by_topic.items())]


def _consumer(service: str, topic: str, parts: Iterable[tuple[Reported, streams.Lag]]) -> ConsumerLag:
    parts = sorted(parts, key=lambda part: part[0].partition)
    whole = streams.together(lag for _, lag in parts)
    return ConsumerLag(
        service=service,
        topic=topic,
        **asdict(whole),
        partitions=[
            PartitionLag(
                partition=one.partition, next=one.next, end=one.end, observed_at=one.observed_at, **asdict(lag)
            )
            for one, lag in parts
        ],
    )
