"""Of three brokers one may be lost without anybody's noticing, and two without losing a word."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.reliability.installation import Installation, temporary
from tests.reliability.trials import Told, Trial

PROBE: Final = "probe"
"""A topic that is nobody's: who puts a message on it in vain does not know whether it will come up later."""
PARTITIONS: Final = 3


@pytest.fixture
def installation() -> Iterator[Installation]:
    """A whole installation on three brokers."""
    with temporary(brokers=3) as running:
        yield running


@pytest.fixture
def told() -> Told:
    """What people were told by this installation, not by the one that the other tests share."""
    return Told()


async def most_led(installation: Installation, topic: str) -> str:
    """The broker that leads most partitions of a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    async with asyncio.timeout(30):
        await admin.start()
        [described] = await admin.describe_topics([topic])
        await admin.close()
    leading: Counter[int] = Counter(one["leader"] for one in described["partitions"])
    assert {len(one["replicas"]) for one in described["partitions"]} == {3}
    return installation.brokers[leading.most_common(1)[0][0] - 1]


async def make_probe(installation: Installation) -> None:
    """A topic with the default number of copies, three, of which two must be in sync."""
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    async with asyncio.timeout(30):
        await admin.start()
        await admin.create_topics([NewTopic(PROBE, PARTITIONS, 3)])
        await admin.close()


async def accepted(installation: Installation, seconds: float) -> list[int]:
    """The partitions of the probe that take a message within so many seconds, acknowledged by all that are in sync."""
    producer = AIOKafkaProducer(
        bootstrap_servers=installation.kafka, acks="all", request_timeout_ms=int(seconds * 1000)
    )
    taken = []
    async with asyncio.timeout(60):
        await producer.start()
        try:
            for partition in range(PARTITIONS):
                try:
                    await producer.send_and_wait(PROBE, b"", partition=partition)
                    taken.append(partition)
                except KafkaError:
                    continue
        finally:
            await producer.stop()
    return taken


async def readiness(installation: Installation) -> tuple[int, str]:
    """What the referral API says of itself: its status code, and why it is degraded if it is."""
    async with httpx2.AsyncClient(timeout=10) as client:
        answer = await client.get(f"{installation.addresses['referral']}/readyz")
    return answer.status_code, answer.json().get("degraded", "")


async def until_answered(installation: Installation, journeys: list[str]) -> None:
    """Wait until operations has heard what scheduling said of each journey when it had heard of the acceptance."""
    connection = await asyncpg.connect(installation.databases["operations"], timeout=10)
    try:
        async with asyncio.timeout(60):
            while len(journeys) > await connection.fetchval(
                "SELECT count(DISTINCT stream) FROM events WHERE speaker = 'scheduling' AND stream = ANY($1)",
                [UUID(one) for one in journeys],
            ):
                await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def new_acceptances(trial: Trial, many: int) -> list[str]:
    """The journeys of so many patients who are referred and accepted from now on."""
    before = len(trial.visitors.visits)
    async with asyncio.timeout(60):
        while True:
            whole = [one.journey for one in trial.visitors.visits[before:] if "accept" in one.done and one.journey]
            if len(whole) >= many:
                return whole
            await asyncio.sleep(0.1)


async def test_one_of_three_brokers_lost_keeps_events_flowing_and_two_lost_lose_nothing(trial: Trial) -> None:
    lost: list[str] = []

    async def lose_the_leader(installation: Installation, _: random.Random) -> str:
        await make_probe(installation)
        lost.append(await most_led(installation, "reliefpath.referral"))
        installation.hold_back(lost[0], math.inf)
        began = time.monotonic()
        await until_answered(installation, await new_acceptances(trial, 10))
        flowing = time.monotonic() - began
        assert await accepted(installation, 10) == list(range(PARTITIONS))
        assert not installation.child(lost[0]).running
        return f"kill {lost[0]}, which led most; 10 journeys went from end to end within {flowing:.1f} s"

    async def lose_another(installation: Installation, chance: random.Random) -> str:
        lost.append(chance.choice([one for one in installation.brokers if one not in lost]))
        installation.hold_back(lost[1], math.inf)
        await asyncio.sleep(10)
        async with asyncio.timeout(30):
            while (said := await readiness(installation)) == (200, ""):
                await asyncio.sleep(0.5)
        assert said[0] == 200
        assert said[1].startswith("events wait in the outbox for more than 10 s")
        assert await accepted(installation, 4) == []
        await new_acceptances(trial, 10)
        assert not any(installation.child(one).running for one in lost)
        return f"kill {lost[1]} besides; nothing is taken, and people go on working"

    async def bring_both_back(installation: Installation, _: random.Random) -> str:
        for one in lost:
            installation.bring_back(one)
        await installation.ready(*lost)
        await until_answered(installation, await new_acceptances(trial, 10))
        return f"bring back {' and '.join(lost)}"

    await trial.run([lose_the_leader, lose_another, bring_both_back])
    assert trial.visitors.slowest < 10, "no request waits for Kafka"
    assert await readiness(trial.installation) == (200, "")
