"""The tables of the carriage keep by themselves what must never be otherwise."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from backbone.carriage import BUCKETS, CARRIAGE
from backbone.database import Database
from backbone.rows import new_id
from tests.support.visiting.world import received, rows, unit, value


async def execute(db: Database, statement: str, **given: object) -> None:
    async with unit(db) as uow:
        await uow.session.execute(text(statement), given)


async def test_there_is_one_clock_and_it_is_not_shifted(db: Database) -> None:
    assert await rows(db, "SELECT one, extract(epoch FROM shift)::int FROM backbone.clock") == [(1, 0)]
    with pytest.raises(IntegrityError):
        await execute(db, "INSERT INTO backbone.clock (one) VALUES (2)")
    drift = await value(db, "SELECT abs(extract(epoch FROM reliefpath_now() - clock_timestamp()))::float")
    assert drift < 0.1


async def test_every_bucket_has_its_cursor(db: Database) -> None:
    assert [bucket for (bucket,) in await rows(db, "SELECT bucket FROM backbone.cursors ORDER BY 1")] == list(
        range(BUCKETS)
    )


async def test_no_place_of_a_stream_is_given_twice(db: Database) -> None:
    journey = new_id()
    async with unit(db) as uow:
        uow.say(journey, received())
    again = (
        "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
        " SELECT bucket, gen_random_uuid(), topic, stream, seq, headers, data FROM backbone.outbox"
    )
    with pytest.raises(IntegrityError):
        await execute(db, again)


async def test_a_row_of_the_outbox_knows_its_transaction(db: Database) -> None:
    async with unit(db) as uow:
        uow.say(new_id(), received())
        mine = (await uow.session.execute(text("SELECT pg_current_xact_id()::text"))).scalar_one()
    assert await value(db, "SELECT xid::text FROM backbone.outbox") == mine


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backbone.deadlines SET ended = 'forgotten'",
        "UPDATE backbone.deadlines SET ended = 'fired'",
        "UPDATE backbone.deadlines SET ended = 'parked', done_at = now()",
        "UPDATE backbone.dead_letters SET status = 'lost'",
    ],
)
async def test_an_end_that_nobody_knows_cannot_be_kept(db: Database, statement: str) -> None:
    await execute(
        db,
        "INSERT INTO backbone.deadlines (id, kind, journey, subject, due_at, cause)"
        " VALUES (gen_random_uuid(), 'k', gen_random_uuid(), gen_random_uuid(), now(), 'c')",
    )
    await execute(
        db,
        'INSERT INTO backbone.dead_letters (id, topic, partition, "offset", hash, reason, headers, recorded_at)'
        " VALUES (gen_random_uuid(), 't', 0, 0, 'h', 'r', '[]', now())",
    )
    with pytest.raises(DBAPIError):
        await execute(db, statement)


async def test_of_one_kind_and_subject_one_deadline_is_open(db: Database) -> None:
    insert = (
        "INSERT INTO backbone.deadlines (id, kind, journey, subject, due_at, cause, done_at, ended)"
        " VALUES (gen_random_uuid(), 'k', :j, :j, now(), 'c', CASE WHEN :done THEN now() END,"
        " CASE WHEN :done THEN 'fired' END)"
    )
    journey = new_id()
    for done in (True, True, False):
        await execute(db, insert, j=journey, done=done)
    with pytest.raises(IntegrityError):
        await execute(db, insert, j=journey, done=False)


def test_everything_of_the_carriage_is_in_its_own_schema() -> None:
    assert {table.schema for table in CARRIAGE.tables.values()} == {"backbone"}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM backbone.audit",
        "UPDATE backbone.audit SET actor = 'nobody:at-all'",
        "UPDATE backbone.outbox SET seq = seq + 1",
    ],
)
async def test_what_was_recorded_or_said_is_never_rewritten(db: Database, statement: str) -> None:
    journey = new_id()
    async with unit(db) as uow:
        uow.say(journey, received())
        uow.record("read", "referral", journey, journey=journey)
    with pytest.raises(DBAPIError, match="only ever added to"):
        await execute(db, statement)
