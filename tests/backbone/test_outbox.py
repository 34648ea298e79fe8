"""The outbox: every event has its place in its stream, and places are given in the order of commits."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from backbone import outbox
from backbone.carriage import BUCKETS
from backbone.database import Database, UnitOfWork
from backbone.outbox import TooLarge, bucket_of, is_overdue
from backbone.rows import new_id
from reliefpath import events
from reliefpath.envelope import decode_data, load_headers, read_attributes
from reliefpath.events import Speaker
from tests.support.plans import rows_read
from tests.support.visiting.world import SOMEBODY, received, rows, unit, value


async def test_an_event_waits_as_it_will_travel(db: Database) -> None:
    journey, event = new_id(), received()
    async with unit(db, cause="request:9") as uow:
        await uow.lock(journey)
        uow.say(journey, event, rules=["wait@1"])
        now = uow.now
    (row,) = await rows(db, "SELECT * FROM backbone.outbox")
    attributes = read_attributes(row.topic, str(journey).encode(), load_headers(row.headers))
    assert decode_data(attributes, bytes(row.data)) == event
    assert (attributes.stream, attributes.seq, attributes.speaker) == (journey, 1, Speaker.REFERRAL)
    assert (attributes.cause, attributes.actor, attributes.rules) == ("request:9", SOMEBODY, ("wait@1",))
    assert (attributes.time, attributes.id) == (now, UUID(str(row.event)))


async def test_places_count_per_stream_over_units_of_work(db: Database) -> None:
    one, other = new_id(), new_id()
    for _ in range(2):
        async with unit(db) as uow:
            for stream in (one, other, one):
                uow.say(stream, received())
    found = await rows(db, "SELECT stream, seq FROM backbone.outbox ORDER BY id")
    assert [seq for stream, seq in found if UUID(str(stream)) == one] == [1, 2, 3, 4]
    assert [seq for stream, seq in found if UUID(str(stream)) == other] == [1, 2]


async def test_what_is_written_early_is_written_once(db: Database) -> None:
    journey = new_id()
    async with unit(db) as uow:
        uow.say(journey, received())
        await uow.finish()
        uow.say(journey, received())
        with suppress(ZeroDivisionError):
            await _finish_and_fail(uow, journey)
        uow.say(journey, received())
    assert await rows(db, "SELECT seq FROM backbone.outbox ORDER BY id") == [(1,), (2,), (3,)]


async def _finish_and_fail(uow: UnitOfWork, journey: UUID) -> None:
    async with uow.attempt():
        uow.say(journey, received())
        await uow.finish()
        raise ZeroDivisionError


async def test_a_place_that_was_given_up_is_given_again(db: Database) -> None:
    journey = new_id()

    async def fail() -> None:
        async with unit(db) as uow:
            uow.say(journey, received())
            await uow.finish()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with unit(db) as uow:
        uow.say(journey, received())
    assert await rows(db, "SELECT seq FROM backbone.outbox") == [(1,)]


async def test_places_have_no_gap_and_follow_the_commits_with_many_writers(connect: Callable[..., Database]) -> None:
    """24 writers, 12 streams, one in six rolls back, some took their transaction id long before the journey's lock."""
    db, streams = connect(connections=24), [new_id() for _ in range(12)]
    chance = random.Random(7)
    committed: dict[UUID, list[UUID]] = {stream: [] for stream in streams}

    async def write(number: int) -> None:
        for turn in range(6):
            journey, early, back = chance.choice(streams), chance.random() < 0.4, chance.random() < 1 / 6
            event = received()
            try:
                async with unit(db) as uow:
                    if early:
                        await uow.session.execute(text("SELECT pg_current_xact_id()"))
                        await asyncio.sleep(chance.random() / 50)
                    if turn % 2:  # a command locks first; what only says takes its lock when that is written
                        await uow.lock(journey)
                    uow.say(journey, event)
                    await uow.finish()
                    await asyncio.sleep(chance.random() / 100)
                    if back:
                        raise ZeroDivisionError
                    # The lock is held: nobody else of this journey can write this down before we commit.
                    committed[journey].append(event.referral)  # type: ignore[attr-defined]  # it has one
            except ZeroDivisionError:
                assert back, (number, turn)

    await asyncio.gather(*(write(number) for number in range(24)))
    found = await rows(db, "SELECT stream, seq, data FROM backbone.outbox ORDER BY id")
    for stream in streams:
        mine = [(seq, bytes(data)) for of, seq, data in found if UUID(str(of)) == stream]
        assert [seq for seq, _ in mine] == list(range(1, len(mine) + 1))
        assert [events.ReferralReceived.model_validate_json(data).referral for _, data in mine] == committed[stream]


async def test_an_event_that_could_never_be_sent_is_refused_with_its_change(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_EVENT_BYTES", 10)

    async def say() -> None:
        async with unit(db) as uow:
            uow.record("change", "visit", None)
            uow.say(new_id(), received())

    with pytest.raises(TooLarge):
        await say()
    assert await value(db, "SELECT count(*) FROM backbone.audit") == 0


def test_streams_are_dealt_evenly_and_always_alike() -> None:
    streams = [new_id() for _ in range(3200)]
    counts = [0] * BUCKETS
    for stream in streams:
        counts[bucket_of(stream)] += 1
        assert bucket_of(stream) == bucket_of(UUID(str(stream)))
    assert min(counts) > 100


async def test_whether_something_waits_too_long_is_seen_without_walking_what_was_sent(
    db: Database, address: str
) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data, recorded_at)"
                " SELECT n % 16, uuidv7(), 'reliefpath.referral', uuidv7(), 1, '{}', '',"
                " clock_timestamp() - interval '1 hour' FROM generate_series(1, 50000) n"
            )
        )
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("ANALYZE backbone.outbox")
        async with db.engine.connect() as asked:
            assert await is_overdue(asked, 10)
        await connection.execute("UPDATE backbone.cursors SET seen = pg_current_snapshot()")
        async with db.engine.connect() as asked:
            assert not await is_overdue(asked, 10)
        query = str(outbox._OVERDUE).replace(":seconds", "10")
        plan = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"))
    finally:
        await connection.close()
    assert max(rows_read(plan[0]["Plan"])) <= 200


async def test_an_outbox_of_another_server_is_recognised(db: Database) -> None:
    assert await value(db, outbox.OF_ANOTHER_CLUSTER) is False
    async with unit(db) as uow:
        await uow.session.execute(text("UPDATE backbone.cursors SET seen = '900000000:900000000:' WHERE bucket = 3"))
    assert await value(db, outbox.OF_ANOTHER_CLUSTER) is True
