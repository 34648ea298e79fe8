"""Whatever somebody puts on the topics: it is dropped, skipped, parked or set aside, and everybody else goes on."""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from reliefpath.vocabulary import Role
from stack.keys import WHOLE_NETWORK
from stack.ports import HOST, SERVICES
from tests.reliability import hostile
from tests.reliability.checker import Place, check
from tests.reliability.faults import put_in_what_nobody_said, say_again
from tests.reliability.hostile import REFERRAL
from tests.reliability.installation import Installation
from tests.reliability.trials import Trial

HEARERS = ("scheduling", "followup", "operations")
"""Who hears the referral service."""
UNKNOWN = f"{REFERRAL}.WeatherChanged.v1"


async def held(installation: Installation, service: str, *streams: UUID) -> list[Any]:
    """What a service holds back, or held, of some streams: stream, seq, status and reason, in their order."""
    connection = await asyncpg.connect(installation.databases[service], timeout=10)
    try:
        return [
            tuple(row)
            for row in await connection.fetch(
                "SELECT stream, seq, status, reason FROM backbone.held WHERE stream = ANY($1)"
                " ORDER BY array_position($1, stream), seq",
                list(streams),
            )
        ]
    finally:
        await connection.close()


async def last_heard(installation: Installation, service: str, stream: UUID) -> int:
    """The last place of the referral service's stream that is done with."""
    connection = await asyncpg.connect(installation.databases[service], timeout=10)
    try:
        query = "SELECT coalesce(max(seq), 0) FROM backbone.heard WHERE speaker = 'referral' AND stream = $1"
        return int(await connection.fetchval(query, stream))
    finally:
        await connection.close()


async def skipped(installation: Installation, service: str) -> float:
    """How many events of the referral service, of types that it does not know, a worker has counted."""
    async with httpx2.AsyncClient(timeout=10) as client:
        told = (await client.get(f"http://{HOST}:{installation.plan.ports.worker(service)}/metrics")).text
    found = re.search(rf'^reliefpath_unknown_types_total{{topic="{REFERRAL}"}} (\S+)$', told, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def discard_all_parked(installation: Installation) -> int:
    """As a person of the operations team: let every parked event have no effect; how many there were."""
    token = installation.plan.keys.token(Role.OPERATIONS, "operations-1", [WHOLE_NETWORK])
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=installation.addresses["operations"], headers=headers, timeout=20) as client:
        parked = (await client.get("/parked", params={"status": "parked"})).raise_for_status().json()["items"]
        for one in parked:
            done = await client.post(
                f"/parked/{one['id']}/discard",
                params={"service": one["service"]},
                json={"reason": "nobody said it"},
                headers={"Idempotency-Key": str(uuid4())},
            )
            done.raise_for_status()
    return len(parked)


async def test_messages_of_no_stream_are_set_aside_and_stop_nobody(trial: Trial) -> None:
    await trial.run([put_in_what_nobody_said], many=2)


async def test_what_was_said_again_in_any_order_changes_no_row(trial: Trial) -> None:
    await trial.run([say_again], many=2)
    installation = trial.installation
    before = {service: await installation.rows(service) for service in SERVICES}
    await say_again(installation, trial.chance, most=100_000)
    await hostile.until_read(installation)
    assert {service: await installation.rows(service) for service in SERVICES} == before
    await trial.check()


async def test_an_unknown_type_is_counted_and_skipped_at_its_place_in_the_stream(trial: Trial) -> None:
    stream = uuid4()

    async def say_the_unknown(installation: Installation, _: random.Random) -> str:
        before = [await skipped(installation, service) for service in HEARERS]
        third, second, first = (hostile.event(REFERRAL, stream, seq, UNKNOWN) for seq in (3, 2, 1))
        await hostile.put(installation.kafka, [third, second])
        await hostile.until_read(installation)
        for service in HEARERS:
            assert [seq for _, seq, *_ in await held(installation, service, stream)] == [2, 3]
            assert await last_heard(installation, service, stream) == 0
        await hostile.put(installation.kafka, [first])
        await hostile.until_read(installation)
        for service, count in zip(HEARERS, before, strict=True):
            assert await last_heard(installation, service, stream) == 3
            assert {status for _, _, status, _ in await held(installation, service, stream)} == {"resolved"}
            assert await skipped(installation, service) >= count + 3
        return "3 events of an unknown type, the last first"

    await trial.run([say_the_unknown], many=2)


async def test_what_cannot_be_read_parks_its_own_journey_until_a_person_discards_it(trial: Trial) -> None:
    newer, broken, large = uuid4(), uuid4(), uuid4()
    accepted = f"{REFERRAL}.ReferralAccepted.v1"
    unread = [
        hostile.event(REFERRAL, newer, 1, f"{REFERRAL}.ReferralAccepted.v2"),
        hostile.event(REFERRAL, broken, 1, accepted, b'{"referral": '),
        hostile.largest(hostile.event(REFERRAL, large, 1, accepted)),
    ]
    behind = [hostile.event(REFERRAL, stream, 2, UNKNOWN) for stream in (newer, broken, large)]

    async def say_what_cannot_be_read(installation: Installation, _: random.Random) -> str:
        await hostile.put(installation.kafka, [*unread, *behind])
        return f"{len(unread)} events that nobody can read, and {len(behind)} behind them"

    await trial.work([say_what_cannot_be_read], many=2)
    installation, told = trial.installation, trial.told
    holding = ", ".join(f"'{service} holds events back': 6" for service in HEARERS)
    expected = [f"I9 after 1 s not everything is heard: {{{holding}}}"]
    place, deadline = Place(installation.databases, installation.kafka, told.visits, told.strays), time.monotonic() + 60
    while (found := await check(place, quiet=1)) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
    assert found == expected, "all that everybody else said is heard, and these alone are held"
    for service in HEARERS:
        rows = await held(installation, service, newer, broken, large)
        assert [status for _, _, status, _ in rows] == ["parked", "behind"] * 3
        reasons = [reason for _, seq, _, reason in rows if seq == 1]
        assert reasons[0] == "the version of reliefpath.referral.ReferralAccepted.v2 cannot be read by this program"
        assert all(reason.startswith("it does not keep its contract: ") for reason in reasons[1:])

    assert await discard_all_parked(installation) == len(unread) * len(HEARERS)
    await trial.check()


async def test_a_message_larger_than_the_largest_is_refused_by_the_broker(trial: Trial) -> None:
    largest = hostile.largest(hostile.event(REFERRAL, uuid4(), 1, UNKNOWN))
    with pytest.raises(MessageSizeTooLargeError):
        await hostile.put(trial.installation.kafka, [replace(largest, value=(largest.value or b"") + b" ")])
    await hostile.put(trial.installation.kafka, [largest])
    await hostile.until_read(trial.installation)
    await trial.check()
