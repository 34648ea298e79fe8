"""What is old is forgotten when its time is over and everybody has it, and never before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backbone.database import Database
from backbone.messages import Incoming
from backbone.relay import Relay
from backbone.retention import Month, Retention, drop_if_passed, make, make_room, months_from
from backbone.rows import new_id
from backbone.testing import Broker, TwinProducer
from tests.support.visiting.world import received, rows, unit, value

TOPIC = "reliefpath.referral"
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
OLD = Month("outbox_2025_01", LONG_AGO, datetime(2025, 2, 1, tzinfo=UTC))


@pytest.fixture
def broker() -> Broker:
    """A log in memory that takes what a relay sends."""
    made = Broker()
    made.create(TOPIC)
    return made


@pytest.fixture
async def years_old(db: Database) -> Database:
    """A database whose outbox has a month of long ago, and the present ones."""
    async with unit(db) as uow:
        await uow.session.execute(text("DROP TABLE backbone.outbox_begun"))
        await make(uow, OLD)
        await make_room(uow)
    return db


async def say(db: Database, at: datetime | None = None) -> None:
    """An event, as if it had been said at that time."""
    async with unit(db) as uow:
        uow.say(new_id(), received())
        await uow.finish()
        if at is not None:
            moved = (
                "WITH said AS (DELETE FROM backbone.outbox WHERE xid = pg_current_xact_id() RETURNING *)"
                " INSERT INTO backbone.outbox OVERRIDING SYSTEM VALUE"
                " SELECT id, xid, bucket, event, topic, stream, seq, headers, data, :at FROM said"
            )
            await uow.session.execute(text(moved), {"at": at})


async def partitions(db: Database) -> set[str]:
    found = await rows(
        db, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'backbone.outbox'::regclass"
    )
    return {name.removeprefix("backbone.") for (name,) in found}


async def relay_all(db: Database, address: str, broker: Broker) -> list[Incoming]:
    producer = TwinProducer(broker)
    running = asyncio.create_task(Relay(address, producer, "test", 30).run())
    unsent = (
        "SELECT count(*) FROM backbone.outbox o JOIN backbone.cursors c USING (bucket)"
        " WHERE NOT pg_visible_in_snapshot(o.xid, c.seen)"
    )

    async with asyncio.timeout(10):
        while await value(db, unsent):
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return producer.sent


def test_a_month_is_followed_by_the_next_across_the_years() -> None:
    months = list(islice(months_from(datetime(2026, 11, 30, 23, 59, tzinfo=UTC)), 4))
    assert [month.name for month in months] == ["outbox_2026_11", "outbox_2026_12", "outbox_2027_01", "outbox_2027_02"]
    assert all(one.ends == next_one.begins for one, next_one in pairwise(months))
    assert months[1].begins == datetime(2026, 12, 1, tzinfo=UTC)


async def test_there_is_room_for_this_month_and_those_to_come(years_old: Database) -> None:
    wanted = {month.name for month in islice(months_from(datetime.now(UTC)), 3)}
    assert await partitions(years_old) == {"outbox_2025_01", "outbox_rest"} | wanted
    async with unit(years_old) as uow:
        assert await make_room(uow) == []


async def test_the_partition_that_was_there_first_counts_as_this_months(db: Database) -> None:
    async with unit(db) as uow:
        made = await make_room(uow)
    assert len(made) == 2
    assert await partitions(db) == {"outbox_begun", "outbox_rest", *made}


async def test_an_event_for_which_there_was_no_room_is_kept_and_moves_once_there_is(
    db: Database, address: str, broker: Broker
) -> None:
    async with unit(db) as uow:
        await uow.session.execute(text("DROP TABLE backbone.outbox_begun"))
    await say(db)
    before = await rows(db, "SELECT id, xid::text, event FROM backbone.outbox_rest")
    async with unit(db) as uow:
        (this_month, *_) = await make_room(uow)
    assert await value(db, "SELECT count(*) FROM backbone.outbox_rest") == 0
    assert await rows(db, f"SELECT id, xid::text, event FROM backbone.{this_month}") == before
    assert len(await relay_all(db, address, broker)) == 1


async def test_a_month_goes_when_its_time_is_over_and_all_of_it_was_relayed(
    years_old: Database, address: str, broker: Broker
) -> None:
    await say(years_old, LONG_AGO)
    await say(years_old)
    keeping = Retention(years_old, "referral", 90)
    await keeping.go_round()
    assert OLD.name in await partitions(years_old), "nobody has it yet"
    assert len(await relay_all(years_old, address, broker)) == 2
    await keeping.go_round()
    assert OLD.name not in await partitions(years_old)
    assert await value(years_old, "SELECT count(*) FROM backbone.outbox") == 1
    await say(years_old)
    assert len(await relay_all(years_old, address, broker)) == 1, "the relay goes on behind what was dropped"


@pytest.mark.parametrize(("days", "stays"), [(0, True), (100_000, True), (1, False)])
async def test_a_month_stays_as_long_as_the_setting_says(
    years_old: Database, address: str, broker: Broker, days: int, stays: bool
) -> None:
    await relay_all(years_old, address, broker)
    await Retention(years_old, "referral", days).go_round()
    assert (OLD.name in await partitions(years_old)) is stays


async def test_what_an_open_transaction_may_still_add_to_is_not_dropped_and_nobody_waits_long(
    years_old: Database, address: str, broker: Broker, connect: Callable[..., Database]
) -> None:
    await relay_all(years_old, address, broker)
    other = connect()
    late = (
        "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data, recorded_at)"
        " VALUES (0, gen_random_uuid(), 't', gen_random_uuid(), 1, '', '', :at)"
    )
    async with unit(other) as held:
        await held.session.execute(text(late), {"at": LONG_AGO + timedelta(days=1)})
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with unit(years_old) as uow:
                await drop_if_passed(uow, OLD.name)
    async with unit(years_old) as uow:
        assert await drop_if_passed(uow, OLD.name) is False, "its row has come meanwhile and nobody has it"
    assert await value(years_old, f"SELECT count(*) FROM backbone.{OLD.name}") == 1


async def test_one_worker_at_a_time_changes_the_partitions(
    years_old: Database, address: str, broker: Broker, connect: Callable[..., Database]
) -> None:
    await relay_all(years_old, address, broker)
    async with unit(connect()) as first:
        await first.session.execute(text("SELECT pg_advisory_xact_lock(722, 2)"))
        async with unit(years_old) as second:
            assert await make_room(second, ahead=5) == []
            assert await drop_if_passed(second, OLD.name) is False


async def test_a_database_that_is_away_is_waited_for(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backbone.retention.EVERY", 0.05)
    gone = Database(address.rsplit("@", 1)[0] + "@127.0.0.1:1/none")
    running = asyncio.create_task(Retention(gone, "referral", 90).run())
    await asyncio.sleep(0.3)
    assert not running.done()
    running.cancel()
    await gone.close()
