"""What a service has heard, and the rows in which events wait."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import CheckConstraint, Table, text

from backbone import inbox
from backbone.carriage import dead_letters, held
from backbone.database import Database, UnitOfWork
from backbone.inbox import DeadLetterStatus, Status, Stream
from backbone.messages import Incoming
from backbone.rows import new_id
from reliefpath.envelope import Attributes, read_attributes
from tests.support.visiting.world import Voice, read, received, rows, unit, value


def taken(seq: int, stream: Stream, offset: int = 0) -> tuple[Attributes, Incoming]:
    message = read(Voice().say(received(), stream.id, seq=seq), offset)
    return read_attributes(message.topic, message.key, message.headers), message


async def hold(uow: UnitOfWork, stream: Stream, seq: int, status: Status, delay: float | None = None) -> bool:
    return await inbox.hold(uow, *taken(seq, stream), status, "why", delay=delay)


async def test_a_stream_never_heard_of_is_at_zero_and_another_where_it_was(db: Database) -> None:
    new, known = Stream("referral", new_id()), Stream("referral", new_id())
    async with unit(db) as uow:
        await inbox.note_heard(uow, {known: 7})
        assert await inbox.last_heard(uow, {new, known}) == {new: 0, known: 7}
        assert await inbox.last_heard(uow, set()) == {}


async def test_what_was_heard_is_never_unheard(db: Database) -> None:
    stream = Stream("referral", new_id())
    async with unit(db) as uow:
        for seq in (5, 3, 6, 1):
            await inbox.note_heard(uow, {stream: seq})
        assert await inbox.last_heard(uow, {stream}) == {stream: 6}


async def test_two_speakers_of_one_journey_are_counted_apart(db: Database) -> None:
    journey = new_id()
    one, other = Stream("referral", journey), Stream("scheduling", journey)
    async with unit(db) as uow:
        await inbox.note_heard(uow, {one: 2, other: 9})
        assert await inbox.last_heard(uow, {one, other}) == {one: 2, other: 9}


async def test_an_event_is_held_once_and_comes_back_as_it_was(db: Database) -> None:
    stream = Stream("referral", new_id())
    attributes, message = taken(4, stream, offset=17)
    async with unit(db) as uow:
        assert await inbox.hold(uow, attributes, message, Status.MISSING, "seq 3 has not been heard")
        assert not await inbox.hold(uow, attributes, message, Status.BEHIND, "again")
        first = await inbox.first_held(uow, stream)
    assert first is not None
    assert (first.seq, first.status, first.stream) == (4, Status.MISSING, stream)
    assert first.message == replace(message, headers=list(message.headers))


async def test_the_first_held_is_the_one_that_has_to_take_effect_first(db: Database) -> None:
    stream, other = Stream("referral", new_id()), Stream("scheduling", new_id())
    async with unit(db) as uow:
        for seq in (9, 4, 6):
            await hold(uow, stream, seq, Status.BEHIND)
        first = await inbox.first_held(uow, stream)
        assert first is not None
        assert first.seq == 4
        await inbox.end(uow, first.id, Status.RESOLVED, "system:test", "it took effect")
        following = await inbox.first_held(uow, stream)
        assert following is not None
        assert following.seq == 6
        assert await inbox.first_held(uow, other) is None


async def test_only_streams_whose_time_has_come_are_due(db: Database) -> None:
    due, later, never = (Stream("referral", new_id()) for _ in range(3))
    async with unit(db) as uow:
        await hold(uow, due, 1, Status.RETRYING, delay=-1)
        await hold(uow, later, 1, Status.RETRYING, delay=60)
        await hold(uow, never, 1, Status.PARKED)
        assert await inbox.due_streams(uow, 10) == [due]
        first, second = await inbox.first_held(uow, due), await inbox.first_held(uow, later)
        assert first is not None
        assert second is not None
        assert (first.due, second.due) == (True, False)


async def test_what_is_put_off_is_due_later_and_nothing_else_of_it_changes(db: Database) -> None:
    stream, other = Stream("referral", new_id()), Stream("referral", new_id())
    async with unit(db) as uow:
        await hold(uow, stream, 1, Status.RETRYING, delay=-1)
        await hold(uow, stream, 2, Status.BEHIND)
        await hold(uow, other, 1, Status.RETRYING, delay=-1)
        await inbox.put_off(uow, stream, 60)
        assert await inbox.due_streams(uow, 10) == [other]
        first = await inbox.first_held(uow, stream)
        assert first is not None
        assert (first.status, first.reason, first.attempts, first.due) == (Status.RETRYING, "why", 0, False)
    wait = "SELECT extract(epoch FROM next_try_at - held_at)::float FROM backbone.held WHERE stream = :s AND seq = 1"
    assert await value(db, wait, s=stream.id) == pytest.approx(60, abs=5)


async def test_what_somebody_is_about_to_change_is_not_waited_for_to_be_put_off(db: Database) -> None:
    stream = Stream("referral", new_id())
    async with unit(db) as uow:
        await hold(uow, stream, 1, Status.RETRYING, delay=-1)
    async with unit(db) as changing, unit(db) as uow:
        await changing.session.execute(text("UPDATE backbone.held SET attempts = 7, next_try_at = NULL"))
        async with asyncio.timeout(5):
            await inbox.put_off(uow, stream, 60)
    assert await rows(db, "SELECT attempts, next_try_at FROM backbone.held") == [(7, None)]


async def test_those_behind_the_first_wait_for_it_and_for_no_time(db: Database) -> None:
    stream, other = Stream("referral", new_id()), Stream("referral", new_id())
    async with unit(db) as uow:
        for seq in (3, 4, 5, 6):
            await hold(uow, stream, seq, Status.RETRYING, delay=-1)
        await hold(uow, other, 5, Status.MISSING)
        last = await inbox.first_held(uow, stream)
        assert last is not None
        await inbox.end(uow, last.id, Status.RESOLVED, "system:test", "it took effect")
        await inbox.line_up(uow, stream, 4, "it waits behind seq 4")
    told = "SELECT seq, status, reason, next_try_at IS NULL FROM backbone.held WHERE stream = :s ORDER BY seq"
    assert await rows(db, told, s=stream.id) == [
        (3, "resolved", "why", True),
        (4, "retrying", "why", False),
        (5, "behind", "it waits behind seq 4", True),
        (6, "behind", "it waits behind seq 4", True),
    ]
    assert await rows(db, told, s=other.id) == [(5, "missing", "why", True)]


async def test_a_journey_is_parked_once_whoever_speaks_and_only_while_it_is(db: Database) -> None:
    journey = new_id()
    one, other, third = Stream("referral", journey), Stream("scheduling", journey), Stream("referral", new_id())
    async with unit(db) as uow:
        assert await inbox.parked_journeys(uow) == 0
        for stream in (one, other, third):
            await hold(uow, stream, 4, Status.PARKED)
            await hold(uow, stream, 5, Status.BEHIND)
        await hold(uow, Stream("referral", new_id()), 1, Status.RETRYING)
        assert await inbox.parked_journeys(uow) == 2
        first = await inbox.first_held(uow, third)
        assert first is not None
        await inbox.end(uow, first.id, Status.DISCARDED, "somebody", "for a reason")
        assert await inbox.parked_journeys(uow) == 1


async def test_a_status_that_is_no_end_has_no_end_and_the_other_way_round(db: Database) -> None:
    for status, ended in ((s.value, e) for s in Status for e in (True, False)):
        allowed = (status in {"resolved", "discarded"}) == ended
        try:
            async with unit(db) as uow:
                await hold(uow, Stream("referral", new_id()), 1, Status.PARKED)
                await uow.session.execute(
                    text("UPDATE backbone.held SET status = :s, ended_at = CASE WHEN :e THEN now() END"),
                    {"s": status, "e": ended},
                )
        except Exception:
            assert not allowed, (status, ended)
        else:
            assert allowed, (status, ended)
            async with unit(db) as uow:
                await uow.session.execute(text("DELETE FROM backbone.held"))


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary())))
def test_headers_of_which_nothing_is_known_come_back_as_they_were(headers: list[tuple[str, bytes]]) -> None:
    kept = inbox.quoted(headers)
    assert inbox.unquoted(kept) == headers
    assert all(text_.isascii() and text_.isprintable() for pair in kept for text_ in pair)


async def test_a_dead_letter_keeps_its_place_and_hash_and_is_kept_once(db: Database) -> None:
    message = Incoming("reliefpath.referral", 2, 41, b"\x00\xff", b"\x00data", (("na\x00me", b"\x00\xff"),), 5)
    digest = hashlib.sha256(b"\x00data").hexdigest()
    async with unit(db) as uow:
        await inbox.set_aside(uow, [(message, digest, "why")])
        await inbox.set_aside(uow, [(message, digest, "why")])
    (row,) = await rows(db, "SELECT * FROM backbone.dead_letters")
    assert (row.topic, row.partition, row.offset, row.hash, row.reason) == ("reliefpath.referral", 2, 41, digest, "why")
    assert (bytes(row.key), bytes(row.data)) == (message.key, message.value)
    assert inbox.unquoted(row.headers) == list(message.headers)
    assert await value(db, "SELECT status FROM backbone.dead_letters") == "new"


async def test_of_a_huge_dead_letter_the_beginning_is_kept(db: Database) -> None:
    message = Incoming("reliefpath.referral", 0, 0, b"k" * 3_000_000, b"v" * 3_000_000, (), 5)
    async with unit(db) as uow:
        await inbox.set_aside(uow, [(message, "digest", "why")])
    (row,) = await rows(db, "SELECT length(key) AS key, length(data) AS data FROM backbone.dead_letters")
    assert (row.key, row.data) == (inbox.LARGEST, inbox.LARGEST)


async def test_a_dead_letter_at_the_same_place_of_a_topic_that_was_recreated_is_kept_beside_the_older(
    db: Database,
) -> None:
    messages = [Incoming("reliefpath.referral", 0, 0, None, data, (), 5) for data in (b"before", b"after")]
    for message in messages:
        async with unit(db) as uow:
            await inbox.set_aside(uow, [(message, hashlib.sha256(message.value or b"").hexdigest(), "why")])
    assert [bytes(one.data) for one in await rows(db, "SELECT data FROM backbone.dead_letters ORDER BY id")] == [
        b"before",
        b"after",
    ]


@pytest.mark.parametrize(("table", "known"), [(held, Status), (dead_letters, DeadLetterStatus)])
def test_a_table_takes_every_status_that_is_known_and_no_other(table: Table, known: type[StrEnum]) -> None:
    checks = {str(one.name): str(one.sqltext) for one in table.constraints if isinstance(one, CheckConstraint)}
    assert re.findall(r"'(\w+)'", checks[f"ck_{table.name}_status"]) == list(known)
