"""What can break: each fault breaks one thing for a while and leaves the installation to heal by itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

from stack.ports import SERVICES
from tests.reliability import hostile
from tests.reliability.installation import PROCESSES, Installation

Fault = Callable[[Installation, random.Random], Awaitable[str]]
"""Breaks something; what it broke, in words."""

SESSION: Final = 10.0
"""Seconds after which Kafka gives up a member of a group that is silent."""


async def kill_a_process(installation: Installation, chance: random.Random) -> str:
    """An API or a worker is killed."""
    name = chance.choice(PROCESSES)
    installation.kill(name)
    await asyncio.sleep(chance.uniform(0.5, 2))
    return f"kill {name}"


async def kill_kafka(installation: Installation, chance: random.Random) -> str:
    """Kafka, all of it, is killed and started again soon."""
    return await _away(installation, installation.brokers, chance.uniform(0, 3))


async def kafka_long_away(installation: Installation, chance: random.Random) -> str:
    """Kafka is away longer than any of its clients is patient."""
    return await _away(installation, installation.brokers, chance.uniform(30, 35))


async def lose_a_broker(installation: Installation, chance: random.Random) -> str:
    """One broker of several is killed and stays away for a while."""
    return await _away(installation, [chance.choice(installation.brokers)], chance.uniform(5, 20))


async def lose_two_brokers(installation: Installation, chance: random.Random) -> str:
    """Two brokers of three are killed: what is left can acknowledge nothing."""
    return await _away(installation, chance.sample(installation.brokers, 2), chance.uniform(10, 25))


async def _away(installation: Installation, brokers: Sequence[str], seconds: float) -> str:
    for broker in brokers:
        installation.hold_back(broker, seconds)
    await asyncio.sleep(seconds + 1)
    await installation.ready(*brokers)
    return f"kill {' and '.join(brokers)} for {seconds:.1f} s"


async def kill_postgres(installation: Installation, chance: random.Random) -> str:
    """PostgreSQL and all its backends are killed; it recovers from its log."""
    seconds = chance.uniform(0, 2)
    installation.hold_back("postgres", seconds)
    await asyncio.sleep(seconds + 1)
    await installation.ready("postgres")
    return f"kill postgres for {seconds:.1f} s"


async def kill_the_postmaster(installation: Installation, chance: random.Random) -> str:
    """PostgreSQL's first process alone is killed: its backends find out by themselves, each in its own moment."""
    os.kill(installation.child("postgres").pid, signal.SIGKILL)
    await asyncio.sleep(chance.uniform(1, 2))
    await installation.ready("postgres")
    return "kill the postmaster"


async def cut_connections(installation: Installation, chance: random.Random) -> str:
    """Every connection to one service's database is cut by the server."""
    service = chance.choice(SERVICES)
    connection = await asyncpg.connect(installation.databases[service], timeout=10)
    try:
        cut = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )
    finally:
        await connection.close()
    return f"cut {cut} connections of {service}"


async def hold_a_worker(installation: Installation, chance: random.Random, seconds: float = SESSION + 3) -> str:
    """A worker stands still until others have taken its place, wakes up, and still thinks it is the owner."""
    service = chance.choice(SERVICES)
    name = f"{service}-worker"
    other = await installation.another_worker(service, chance.randint(2, 99))
    await asyncio.sleep(2)
    installation.hold(name)
    try:
        await asyncio.sleep(seconds)
    finally:
        installation.release(name)
    await asyncio.sleep(3)
    other.kill()
    await other.ended(5)
    return f"hold {name} for {seconds:.0f} s beside another"


async def churn_workers(installation: Installation, chance: random.Random, seconds: float = 12.0) -> str:
    """Workers of one service come and go, killed or asked to, all the time."""
    service = chance.choice(SERVICES)
    until, came = time.monotonic() + seconds, 0
    others: list[Any] = []
    try:
        while time.monotonic() < until:
            came += 1
            others.append(await installation.another_worker(service, 100 + came))
            await asyncio.sleep(chance.uniform(1, 3))
            if len(others) > 2:
                leaving = others.pop(chance.randrange(len(others)))
                await leaving.stop(chance.choice((0.0, 9.0)))
    finally:
        for other in others:
            await other.stop(9)
    return f"{came} workers of {service} came and went"


async def put_in_what_nobody_said(installation: Installation, chance: random.Random) -> str:
    """A plain client puts messages of no stream, of no sense, and as large as can be on every topic."""
    put_in = [stray for topic in hostile.TOPICS for stray in hostile.strays(topic, chance)]
    await hostile.put(installation.kafka, put_in)
    return f"{len(put_in)} strays"


async def say_again(installation: Installation, chance: random.Random, most: int = 300) -> str:
    """A plain client says again what was said, as it was: some of it in its order, and then backwards."""
    said = await hostile.said(installation.kafka)
    begin = chance.randrange(max(1, len(said) - most))
    again = said[begin : begin + most]
    await hostile.put(installation.kafka, [*again, *reversed(again)])
    return f"say {len(again)} messages again, and once more backwards"


STRAYS: Final[dict[Fault, int]] = {
    put_in_what_nobody_said: sum(len(hostile.strays(topic, random.Random(0))) for topic in hostile.TOPICS)
}
"""How many messages of no stream a fault puts in."""

ANY: Final[tuple[Fault, ...]] = (
    kill_a_process,
    kill_a_process,
    kill_a_process,
    kill_a_process,
    kill_kafka,
    kafka_long_away,
    kill_postgres,
    kill_the_postmaster,
    cut_connections,
    hold_a_worker,
    churn_workers,
    put_in_what_nobody_said,
    say_again,
)

ANY_OF_THREE: Final[tuple[Fault, ...]] = (*ANY, lose_a_broker, lose_a_broker, lose_two_brokers)
"""What can break on three brokers."""
