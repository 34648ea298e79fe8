"""The checker sees what is broken: each promise is broken on purpose, and named."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.reliability.checker import Place, check
from tests.reliability.trials import Told, Trial

EVENTS = 'id, stream, speaker, seq, type, time, cause, actor, rules, trace, recorded_at, topic, partition, "offset"'
PLANTED = {
    "I2 operations lacks": (
        "operations",
        "CREATE TABLE kept AS SELECT * FROM events WHERE speaker = 'referral' LIMIT 1",
        "DELETE FROM events WHERE id IN (SELECT id FROM kept)",
        f"INSERT INTO events ({EVENTS}) SELECT {EVENTS} FROM kept; DROP TABLE kept",
    ),
    "I2 referral": (
        "referral",
        "CREATE TABLE kept AS SELECT * FROM backbone.outbox ORDER BY id LIMIT 1",
        "DELETE FROM backbone.outbox WHERE id IN (SELECT id FROM kept)",
        "INSERT INTO backbone.outbox OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept",
    ),
    "I3": (
        "scheduling",
        (
            "ALTER TABLE allocations DROP CONSTRAINT IF EXISTS fk_allocations_appointment;"
            "CREATE TABLE kept AS SELECT * FROM appointments LIMIT 1"
        ),
        "DELETE FROM appointments WHERE id IN (SELECT id FROM kept)",
        "INSERT INTO appointments SELECT * FROM kept; DROP TABLE kept",
    ),
    "I4": (
        "scheduling",
        (
            "ALTER TABLE allocations DROP CONSTRAINT ex_allocations_resource_during,"
            " DROP CONSTRAINT fk_allocations_resource, DROP CONSTRAINT IF EXISTS fk_allocations_appointment"
        ),
        (
            "INSERT INTO allocations (id, resource, appointment, during, active)"
            " SELECT uuidv7(), one, one, tstzrange(now(), now() + interval '1 hour'), true"
            " FROM (SELECT uuidv7() AS one) AS same CROSS JOIN generate_series(1, 2)"
        ),
        (
            "DELETE FROM allocations WHERE resource = appointment; ALTER TABLE allocations"
            " ADD CONSTRAINT ex_allocations_resource_during EXCLUDE USING gist (resource WITH =, during WITH &&)"
            " WHERE (active),"
            " ADD CONSTRAINT fk_allocations_resource FOREIGN KEY (resource) REFERENCES resources (id),"
            " ADD CONSTRAINT fk_allocations_appointment FOREIGN KEY (appointment) REFERENCES appointments (id)"
        ),
    ),
    "I7": (
        "referral",
        "SELECT 1",
        "UPDATE referrals SET version = version + 1 WHERE id = (SELECT id FROM referrals ORDER BY id LIMIT 1)",
        "UPDATE referrals SET version = version - 1 WHERE id = (SELECT id FROM referrals ORDER BY id LIMIT 1)",
    ),
    "I8": (
        "followup",
        "SELECT 1",
        (
            "INSERT INTO backbone.deadlines (id, kind, journey, subject, due_at, cause, ended)"
            " VALUES (uuidv7(), 'planted', uuidv7(), uuidv7(), now() - interval '1 hour', 'planted', 'parked')"
        ),
        "DELETE FROM backbone.deadlines WHERE kind = 'planted'",
    ),
    "I9 after": (
        "followup",
        (  # what strays left behind is one event long, and no service said it
            "CREATE TEMP TABLE kept AS SELECT * FROM backbone.heard WHERE speaker = 'referral'"
            " ORDER BY seq DESC LIMIT 1"
        ),
        "UPDATE backbone.heard h SET seq = h.seq - 1 FROM kept k WHERE h.stream = k.stream AND h.speaker = k.speaker",
        "UPDATE backbone.heard h SET seq = k.seq FROM kept k WHERE h.stream = k.stream AND h.speaker = k.speaker",
    ),
}


@pytest.fixture
async def place(trial: Trial, told: Told) -> Place:
    """An installation in which people have worked and every promise holds."""
    await trial.run([], many=1)
    return Place(trial.installation.databases, trial.installation.kafka, told.visits, told.strays)


@pytest.mark.parametrize("promise", PLANTED)
async def test_a_broken_promise_is_named(place: Place, promise: str) -> None:
    service, prepare, plant, mend = PLANTED[promise]
    connection = await asyncpg.connect(place.databases[service])
    try:
        await connection.execute(prepare)
        await connection.execute(plant)
        try:
            broken = await check(place, quiet=1)
        finally:
            await connection.execute(mend)
    finally:
        await connection.close()
    assert any(sentence.startswith(promise) for sentence in broken), broken


async def test_an_answer_that_was_not_true_is_named(place: Place) -> None:
    made_up = {"identifier": str(uuid4()), "done": ["create"], "unknown": None, "refused": None}
    further = {**next(one for one in place.visits if one["done"] == ["create"] or one["done"]), "done": ["create"]}
    broken = await check(replace(place, visits=[*place.visits, made_up]), quiet=1)
    assert [sentence.partition(":")[0] for sentence in broken] == ["I1 an acknowledged referral is there 0 times"]
    broken = await check(replace(place, visits=[further]), quiet=1)
    assert any(sentence.startswith("I1") for sentence in broken)


async def test_a_booking_that_is_not_there_is_named(place: Place) -> None:
    first, *others = place.visits
    broken = await check(replace(place, visits=[{**first, "booked": str(uuid4())}, *others]), quiet=1)
    assert [one for one in broken if one.startswith("I4 1 of ")], broken


@pytest.mark.parametrize("change", [{"failures": 1}, {"unknown": "accept"}])
async def test_an_answer_that_nobody_should_get_is_named(place: Place, change: dict[str, Any]) -> None:
    first, *others = place.visits
    broken = await check(replace(place, visits=[{**first, **change}, *others]), quiet=1)
    assert any(sentence.startswith("I1 1 requests were") for sentence in broken), broken


async def test_a_bucket_that_nobody_owns_is_named(place: Place, trial: Trial) -> None:
    trial.installation.hold_back("followup-worker", 120)
    try:
        broken = await check(place, quiet=1)
    finally:
        trial.installation.bring_back("followup-worker")
        await trial.installation.ready()
    assert [sentence for sentence in broken if "has an owner" in sentence] == [
        "I9 not every bucket of followup has an owner"
    ]


async def test_a_stray_that_nobody_set_aside_is_named(place: Place) -> None:
    broken = await check(replace(place, strays=place.strays + 1), quiet=1)
    assert [sentence[:2] for sentence in broken] == ["I5"]


async def test_a_transaction_that_stands_open_is_named(place: Place) -> None:
    connection = await asyncpg.connect(place.databases["scheduling"])
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1")
            await asyncio.sleep(5.5)
            broken = await check(place, quiet=1)
    finally:
        await connection.close()
    assert [sentence[:2] for sentence in broken] == ["I9"]
