"""Where a service goes on: one row per partition, moved by its owner alone and only with what it heard."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import NoResultFound

from backbone import offsets
from backbone.carriage import lags
from backbone.database import Database
from backbone.messages import Incoming, Place
from tests.support.visiting.world import unit

HERE, THERE = Place("here", 0), Place("here", 1)


def message(offset: int, said: bytes = b"{}") -> Incoming:
    return Incoming(HERE.topic, HERE.partition, offset, b"key", said, (), 1_700_000_000_000)


async def test_a_partition_begins_where_it_is_told_and_only_once(db: Database) -> None:
    async with unit(db) as uow:
        assert await offsets.positions(uow, {HERE, THERE}) == {}
        assert await offsets.begin(uow, {HERE: 3}) == {HERE: 3}
    async with unit(db) as uow:
        assert await offsets.begin(uow, {HERE: 9, THERE: 1}) == {HERE: 3, THERE: 1}
        assert await offsets.positions(uow, {THERE}) == {THERE: 1}


async def test_an_offset_moves_behind_what_was_heard_and_keeps_its_mark(db: Database) -> None:
    async with unit(db) as uow:
        await offsets.begin(uow, {HERE: 3, THERE: 3})
        assert await offsets.claim(uow, HERE) == (3, None)
        await offsets.advance(uow, HERE, 3, message(7))
    async with unit(db) as uow:
        assert await offsets.claim(uow, HERE) == (8, message(7).mark)
        assert await offsets.marked(uow) == {HERE}
        assert await offsets.positions(uow, {HERE, THERE}) == {HERE: 8, THERE: 3}
        assert await offsets.claim(uow, Place("never read", 0)) == (None, None)


async def test_who_expects_another_offset_than_there_is_cannot_move_it(db: Database) -> None:
    async with unit(db) as uow:
        await offsets.begin(uow, {HERE: 3})
    with pytest.raises(NoResultFound):
        async with unit(db) as uow:
            await offsets.advance(uow, HERE, 2, message(2))
    async with unit(db) as uow:
        await offsets.skip(uow, HERE, 2, 9)
        assert await offsets.positions(uow, {HERE}) == {HERE: 3}


async def test_what_is_no_message_is_passed_and_the_mark_stays_that_of_the_last_message(db: Database) -> None:
    async with unit(db) as uow:
        await offsets.begin(uow, {HERE: 0})
        await offsets.advance(uow, HERE, 0, message(4))
        await offsets.skip(uow, HERE, 5, 6)
        assert await offsets.claim(uow, HERE) == (6, message(4).mark)


async def test_of_two_owners_the_later_waits_until_the_first_is_done(db: Database) -> None:
    async with unit(db) as uow:
        await offsets.begin(uow, {HERE: 0})
    done: list[str] = []

    async def second() -> tuple[int | None, bytes | None]:
        async with unit(db) as uow:
            claimed = await offsets.claim(uow, HERE)
            done.append("second")
            return claimed

    async with unit(db) as uow:
        await offsets.claim(uow, HERE)
        later = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        await offsets.advance(uow, HERE, 0, message(0))
        done.append("first")
    assert await later == (1, message(0).mark)
    assert done == ["first", "second"]


async def test_only_a_partition_whose_offset_is_gone_is_read_from_its_beginning(db: Database) -> None:
    async with unit(db) as uow:
        await offsets.begin(uow, {HERE: 0, THERE: 0})
        await offsets.advance(uow, HERE, 0, message(4))
        assert await offsets.restart(uow, HERE) is None
        here = {"topic": HERE.topic, "next": 5, "end": 9}
        await uow.session.execute(
            insert(lags),
            [
                {**here, "partition": HERE.partition, "begins": 2},
                {**here, "partition": THERE.partition, "begins": None},
            ],
        )
        assert await offsets.restart(uow, HERE) == 2
        assert await offsets.restart(uow, THERE) is None
        assert await offsets.claim(uow, HERE) == (2, None)
