"""The twin in memory keeps what Kafka keeps, and has the ways to fail that tests need."""

from __future__ import annotations

import itertools

import pytest

from backbone.messages import KafkaAway, Place
from backbone.testing import Broker, TwinLog, TwinProducer
from tests.backbone.broker_suite import BrokerSuite, Member, message, numbers


class InMemory:
    """The twin as the shared suite uses it."""

    def __init__(self) -> None:
        self.broker = Broker()
        self._numbers = itertools.count()

    async def topic(self, partitions: int = 1) -> str:
        name = f"topic-{next(self._numbers)}"
        self.broker.create(name, partitions)
        return name

    def sender(self) -> TwinProducer:
        return TwinProducer(self.broker)

    def log(self, topics: list[str], group: str) -> TwinLog:
        return TwinLog(self.broker, topics, group)

    async def trim(self, place: Place, before: int) -> None:
        self.broker.trim(place, before)


class TestTheTwin(BrokerSuite):
    @pytest.fixture
    def world(self) -> InMemory:
        return InMemory()


async def test_a_broker_that_is_away_takes_nothing_and_says_nothing() -> None:
    world = InMemory()
    topic = await world.topic()
    member = Member(world.log([topic], "group"))
    await member.log.start(member.gained, member.lost)
    world.broker.away = True
    with pytest.raises(KafkaAway):
        await world.sender().send([message(topic, "key")])
    with pytest.raises(KafkaAway):
        await member.log.ends()
    with pytest.raises(KafkaAway):
        await world.log([topic], "group").start(member.gained, member.lost)
    await member.nothing(0.05)
    assert not await world.sender().answers({topic})
    world.broker.away = False
    await world.sender().send([message(topic, "key", 3)])
    assert numbers(await member.read(1)) == [3]


@pytest.mark.parametrize(("lose_after", "arrived"), [(0, 0), (2, 2), (3, 3)])
async def test_a_send_may_fail_when_some_or_all_has_arrived(lose_after: int, arrived: int) -> None:
    world = InMemory()
    topic = await world.topic()
    sender = world.sender()
    sender.lose_after = lose_after
    with pytest.raises(KafkaAway):
        await sender.send([message(topic, "key", n) for n in range(3)])
    assert world.broker.partition(Place(topic, 0)).end == arrived
    await sender.send([message(topic, "key", 9)])
    assert world.broker.partition(Place(topic, 0)).end == arrived + 1
