"""What becomes of a message: its effect, exactly once and in the order of its stream; or a place where it waits."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backbone import hearing, inbox
from backbone.database import Database, UnitOfWork
from backbone.hearing import Awaits, Hearer, Reaction
from backbone.inbox import Stream
from backbone.messages import Incoming, Outgoing
from backbone.rows import new_id
from backbone.telemetry import REGISTRY
from reliefpath import events
from reliefpath.envelope import Heard, load_headers, read_attributes
from reliefpath.events import Speaker
from tests.support.versions import second_version
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import (
    Voice,
    arrived,
    leave_mark,
    marks,
    read,
    received,
    rows,
    unit,
    value,
)


class Ear:
    """A hearer with reactions of the test's own, and the messages it is given."""

    def __init__(self, db: Database, *, tries: int = 3) -> None:
        self.db = db
        self.failing: set[tuple[UUID, int]] = set()
        self.awaiting: set[tuple[UUID, int]] = set()
        self.error: Exception = ZeroDivisionError("Anna Meier")
        self.reactions: dict[type[events.Event], Reaction] = {
            events.ReferralReceived: self._react,
            events.PatientArrived: leave_mark,
            events.FacilityListed: self._react,
        }
        self.hearer = Hearer("visiting", self.reactions, tries)
        self._offset = 0

    async def _react(self, uow: UnitOfWork, heard: Heard) -> None:
        place = heard.attributes.stream, heard.attributes.seq
        await leave_mark(uow, heard)
        uow.say(heard.attributes.stream, received())
        await uow.finish()
        if place in self.failing:
            raise self.error
        if place in self.awaiting and await self._lacks(uow, heard.attributes.stream):
            raise Awaits("scheduling.PatientArrived of the visit")

    async def _lacks(self, uow: UnitOfWork, journey: UUID) -> bool:
        query = "SELECT count(*) FROM marks WHERE journey = :j AND text = :t"
        found = await uow.session.execute(text(query), {"j": journey, "t": events.PatientArrived.type})
        return bool(found.scalar_one() == 0)

    def take(self, messages: Iterable[Outgoing]) -> list[Incoming]:
        taken = []
        for message in messages:
            taken.append(read(message, self._offset))
            self._offset += 1
        return taken

    async def hear(self, *messages: Outgoing, carefully: bool = True) -> dict[str, int]:
        return await self.hear_read(self.take(messages), carefully=carefully)

    async def hear_read(self, messages: list[Incoming], *, carefully: bool = True) -> dict[str, int]:
        async with unit(self.db) as uow:
            return {
                name: count
                for name, count in (await self.hearer.hear(uow, messages, carefully=carefully)).items()
                if count
            }

    async def try_due(self, journey: UUID, speaker: Speaker = Speaker.REFERRAL, by: str | None = None) -> None:
        async with unit(self.db) as uow:
            await uow.session.execute(
                text("UPDATE backbone.held SET next_try_at = now() WHERE next_try_at IS NOT NULL")
            )
        async with unit(self.db) as uow:
            await self.hearer.try_held(uow, Stream(speaker, journey), by=by)

    async def shown(self, journey: UUID) -> list[tuple[int, str, str]]:
        """What is told of the held events of a journey: place, status, reason."""
        query = "SELECT seq, status, reason FROM backbone.held WHERE stream = :j AND ended_at IS NULL ORDER BY seq"
        return [tuple(row) for row in await rows(self.db, query, j=journey)]

    async def held(self, journey: UUID) -> list[tuple[int, str, int]]:
        """What is held of a journey: place, status, attempts."""
        query = "SELECT seq, status, attempts FROM backbone.held WHERE stream = :j AND ended_at IS NULL"
        return [tuple(row) for row in await rows(self.db, query + " ORDER BY speaker, seq", j=journey)]


@pytest.fixture
def ear(db: Database) -> Ear:
    return Ear(db)


@pytest.fixture
def voice() -> Voice:
    return Voice()


async def test_every_event_has_its_effect_in_order(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    assert await ear.hear(*(voice.say(received(), journey) for _ in range(4))) == {"effect": 4}
    assert await marks(ear.db, journey) == [1, 2, 3, 4]


async def test_an_event_that_comes_again_has_no_second_effect(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    first, second = voice.say(received(), journey), voice.say(received(), journey)
    assert await ear.hear(first, first, second, carefully=False) == {"effect": 2, "duplicate": 1}
    assert await ear.hear(second, first) == {"duplicate": 2}
    assert await marks(ear.db, journey) == [1, 2]


async def test_two_speakers_of_a_journey_do_not_take_each_others_places(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    assert await ear.hear(voice.say(received(), journey), voice.say(arrived(), journey)) == {"effect": 2}


async def test_behind_a_gap_events_wait_and_have_their_effect_in_order_once_it_is_closed(
    ear: Ear, voice: Voice
) -> None:
    journey, other = new_id(), new_id()
    one, two, three, four = (voice.say(received(), journey) for _ in range(4))
    assert await ear.hear(one, three, voice.say(received(), other)) == {"effect": 2, "missing": 1}
    assert await ear.hear(four) == {"behind": 1}
    assert await ear.held(journey) == [(3, "missing", 0), (4, "behind", 0)]
    assert await ear.hear(three) == {"duplicate": 1}
    assert await ear.hear(two) == {"effect": 3}
    assert await marks(ear.db, journey) == [1, 2, 3, 4]
    assert await ear.held(journey) == []


async def test_events_that_come_in_the_wrong_order_tell_what_each_waits_for(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    one, two, three, four, five = (voice.say(received(), journey) for _ in range(5))
    await ear.hear(five)
    assert await ear.shown(journey) == [(5, "missing", "seq 1 has not been heard")]
    await ear.hear(four)
    assert await ear.shown(journey) == [
        (4, "missing", "seq 1 has not been heard"),
        (5, "behind", "it waits behind seq 4"),
    ]
    await ear.hear(two)
    assert await ear.shown(journey) == [
        (2, "missing", "seq 1 has not been heard"),
        (4, "behind", "it waits behind seq 2"),
        (5, "behind", "it waits behind seq 2"),
    ]
    await ear.hear(one)
    assert await ear.shown(journey) == [
        (4, "missing", "seq 3 has not been heard"),
        (5, "behind", "it waits behind seq 4"),
    ]
    await ear.hear(three)
    assert await ear.shown(journey) == []
    assert await marks(ear.db, journey) == [1, 2, 3, 4, 5]


async def test_what_was_missing_an_event_waits_behind_it_once_it_has_come_and_failed(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 1))
    one, two = (voice.say(received(), journey) for _ in range(2))
    await ear.hear(two)
    await ear.hear(one)
    first, later = await ear.shown(journey)
    assert (first[:2], later) == ((1, "retrying"), (2, "behind", "it waits behind seq 1"))


async def test_what_waits_names_the_one_that_is_now_the_first(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing |= {(journey, 1), (journey, 2)}
    await ear.hear(*(voice.say(received(), journey) for _ in range(3)))
    ear.failing.discard((journey, 1))
    await ear.try_due(journey)
    first, later = await ear.shown(journey)
    assert (first[:2], later) == ((2, "retrying"), (3, "behind", "it waits behind seq 2"))


@pytest.mark.parametrize("seed", range(12))
async def test_in_whatever_order_events_come_fail_and_are_put_off_what_is_told_of_them_is_true(
    ear: Ear, voice: Voice, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(hearing, "ONE_LOCK_PATIENCE", 0.01)
    chance, journey = random.Random(seed), new_id()
    said = [voice.say(received(), journey) for _ in range(7)]
    coming = chance.sample(said, 7) + chance.sample(said, 3)
    while coming or await ear.held(journey):
        for seq in chance.sample(range(1, 8), 2):
            ear.failing ^= {(journey, seq)}
        given = [coming.pop(0) for _ in range(min(len(coming), chance.randint(1, 2)))]
        if not given:
            ear.failing.clear()
        if chance.random() < 0.4:
            async with unit(ear.db) as uow:
                await uow.lock(journey)
                await ear.hear(*given)
        else:
            await ear.hear(*given)
        for _ in range(chance.randint(1, 3)):
            await ear.try_due(journey)
        last, told = max(await marks(ear.db, journey), default=0), await ear.shown(journey)
        if told and told[0][0] > last + 1:
            assert told[0][1:] == ("missing", f"seq {last + 1} has not been heard")
        elif told:
            assert told[0][1] in {"retrying", "parked"}
            if told[0][1] == "parked" and not coming:
                await ear.try_due(journey, by="operations:o-1")
        assert {one[1:] for one in told[1:]} <= {("behind", f"it waits behind seq {first}") for first, *_ in told[:1]}
    assert await marks(ear.db, journey) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_gap_closed_in_the_same_batch_costs_nothing(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    one, two, three = (voice.say(received(), journey) for _ in range(3))
    await ear.hear(three, one, two, carefully=False)
    assert await marks(ear.db, journey) == [1, 2, 3]
    assert await ear.held(journey) == []


async def test_a_reaction_that_lacks_anothers_word_waits_for_it_by_name(ear: Ear, voice: Voice) -> None:
    journey, other = new_id(), new_id()
    ear.awaiting.add((journey, 1))
    assert await ear.hear(voice.say(received(), journey), voice.say(received(), journey)) == {"waiting": 1, "behind": 1}
    assert (
        await value(ear.db, "SELECT reason FROM backbone.held WHERE seq = 1")
        == "scheduling.PatientArrived of the visit"
    )
    await ear.hear(voice.say(arrived(), other))
    assert [status for _, status, _ in await ear.held(journey)] == ["waiting", "behind"]
    assert await ear.hear(voice.say(arrived(), journey)) == {"effect": 3}
    assert await ear.held(journey) == []
    assert await value(ear.db, "SELECT count(*) FROM marks WHERE journey = :j", j=journey) == 3


async def test_waiting_is_never_failing_however_often_it_is_tried(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.awaiting.add((journey, 1))
    await ear.hear(voice.say(received(), journey))
    for _ in range(6):
        await ear.try_due(journey)
    ((seq, status, attempts),) = await ear.held(journey)
    assert (seq, status) == (1, "waiting")
    assert attempts > 6 > ear.hearer._tries


async def test_a_reaction_that_waits_is_tried_anyway_after_a_while(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.awaiting.add((journey, 1))
    await ear.hear(voice.say(received(), journey))
    wait = await value(ear.db, "SELECT extract(epoch FROM next_try_at - held_at)::float FROM backbone.held")
    assert wait == pytest.approx(hearing.ANYWAY_AFTER, abs=2)


async def test_a_failure_in_a_quick_batch_keeps_nothing_of_the_batch(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 2))
    with pytest.raises(ZeroDivisionError):
        await ear.hear(voice.say(received(), journey), voice.say(received(), journey), carefully=False)
    assert await marks(ear.db, journey) == []
    assert await value(ear.db, "SELECT count(*) FROM backbone.heard") == 0


async def test_a_failing_reaction_holds_its_stream_alone_and_leaves_nothing_of_itself(ear: Ear, voice: Voice) -> None:
    broken, sound = new_id(), new_id()
    ear.failing.add((broken, 2))
    said = [voice.say(received(), stream) for _ in range(4) for stream in (broken, sound)]
    assert await ear.hear(*said) == {"effect": 5, "retrying": 1, "behind": 2}
    assert await marks(ear.db, sound) == [1, 2, 3, 4]
    assert await marks(ear.db, broken) == [1]
    assert await ear.held(broken) == [(2, "retrying", 1), (3, "behind", 0), (4, "behind", 0)]
    assert await value(ear.db, "SELECT count(*) FROM backbone.outbox WHERE stream = :s", s=broken) == 1


async def test_a_failing_reaction_is_tried_so_often_and_then_parked(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 1))
    await ear.hear(voice.say(received(), journey))
    assert await ear.held(journey) == [(1, "retrying", 1)]
    await ear.try_due(journey)
    assert await ear.held(journey) == [(1, "retrying", 2)]
    await ear.try_due(journey)
    assert await ear.held(journey) == [(1, "parked", 3)]
    assert await value(ear.db, "SELECT next_try_at FROM backbone.held") is None
    await ear.hear(voice.say(arrived(), journey))  # and nothing that is heard of the journey tries it again
    assert (await ear.held(journey))[-1] == (1, "parked", 3)


async def test_a_parked_stream_waits_in_order_and_goes_on_in_order(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 2))
    await ear.hear(*(voice.say(received(), journey) for _ in range(3)))
    for _ in range(3):
        await ear.try_due(journey)
    await ear.hear(*(voice.say(received(), journey) for _ in range(2)))
    assert await marks(ear.db, journey) == [1]
    assert await ear.held(journey) == [(2, "parked", 3), (3, "behind", 0), (4, "behind", 0), (5, "behind", 0)]
    ear.failing.clear()
    await ear.try_due(journey, by="operations:o-1")
    assert await marks(ear.db, journey) == [1, 2, 3, 4, 5]
    assert await ear.held(journey) == []
    assert await rows(ear.db, "SELECT DISTINCT status, ended_by FROM backbone.held") == [("resolved", "operations:o-1")]


async def test_a_persons_own_try_that_fails_parks_at_once(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 1))
    await ear.hear(voice.say(received(), journey))
    await ear.try_due(journey, by="operations:o-1")
    assert await ear.held(journey) == [(1, "parked", 2)]


async def test_one_that_fails_behind_a_mended_one_is_held_in_its_turn(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing |= {(journey, 1), (journey, 3)}
    await ear.hear(*(voice.say(received(), journey) for _ in range(4)))
    ear.failing.discard((journey, 1))
    await ear.try_due(journey)
    assert await marks(ear.db, journey) == [1, 2]
    assert await ear.held(journey) == [(3, "retrying", 1), (4, "behind", 0)]


async def test_behind_a_persons_own_try_the_next_has_all_its_tries(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing |= {(journey, 1), (journey, 2)}
    await ear.hear(voice.say(received(), journey), voice.say(received(), journey))
    ear.failing.discard((journey, 1))
    await ear.try_due(journey, by="operations:o-1")
    assert await ear.held(journey) == [(2, "retrying", 1)]


async def test_a_held_event_is_not_tried_before_its_time(
    ear: Ear, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "delay_before", lambda _: 60.0)
    journey = new_id()
    ear.failing.add((journey, 1))
    await ear.hear(voice.say(received(), journey))
    async with unit(ear.db) as uow:  # as a second worker does that saw the same row a moment before
        await ear.hearer.try_held(uow, Stream(Speaker.REFERRAL, journey))
    assert await ear.held(journey) == [(1, "retrying", 1)]


async def test_a_discarded_event_has_no_effect_and_those_behind_it_have_theirs(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 1))
    first = voice.say(received(), journey)
    await ear.hear(first, voice.say(received(), journey))
    async with unit(ear.db) as uow:
        held = await inbox.first_held(uow, Stream(Speaker.REFERRAL, journey))
        assert held is not None
        await ear.hearer.discard(uow, held, "operations:o-1", "sent by mistake")
    assert await marks(ear.db, journey) == [2]
    assert await rows(ear.db, "SELECT status, ended_by, ended_because FROM backbone.held ORDER BY seq") == [
        ("discarded", "operations:o-1", "sent by mistake"),
        ("resolved", "system:visiting", "it took effect"),
    ]
    ear.failing.clear()
    assert await ear.hear(first, voice.say(received(), journey)) == {"duplicate": 1, "effect": 1}


@pytest.mark.parametrize(
    ("data", "type", "reason"),
    [
        (b"{}", events.ReferralReceived.type, "it does not keep its contract: referral missing"),
        (b"not json", events.ReferralReceived.type, "it does not keep its contract"),
        (b"{}", "reliefpath.referral.ReferralReceived.v9", "cannot be read by this program"),
    ],
)
async def test_what_cannot_be_read_is_parked_with_what_follows_it(
    ear: Ear, voice: Voice, data: bytes, type: str, reason: str
) -> None:
    journey = new_id()
    good = voice.say(received(), journey, type=type)
    bad = Outgoing(good.topic, good.key, data, good.headers, good.at)
    assert await ear.hear(bad, voice.say(received(), journey), voice.say(received(), new_id())) == {
        "parked": 1, "behind": 1, "effect": 1,
    }  # fmt: skip
    assert reason in await value(ear.db, "SELECT reason FROM backbone.held WHERE seq = 1")
    assert await marks(ear.db, journey) == []


async def test_a_type_nobody_here_has_heard_of_is_counted_and_skipped_and_the_stream_goes_on(
    ear: Ear, voice: Voice
) -> None:
    labels = {"topic": "reliefpath.referral"}
    before = REGISTRY.get_sample_value("reliefpath_unknown_types_total", labels) or 0
    journey = new_id()
    await ear.hear(voice.say(received(), journey, type="reliefpath.referral.Later.v1"), voice.say(received(), journey))
    assert await marks(ear.db, journey) == [2]
    assert REGISTRY.get_sample_value("reliefpath_unknown_types_total", labels) == before + 1
    assert await ear.held(journey) == []


async def test_an_event_without_a_reaction_is_heard_all_the_same(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    await ear.hear(voice.say(events.ReferralResumed(referral=journey), journey), voice.say(received(), journey))
    assert await marks(ear.db, journey) == [2]


BAD_HEADERS: dict[str, list[tuple[str, bytes]]] = {
    "none": [],
    "no text": [("ce_id", b"\xff\xfe")],
    "a zero byte": [("ce_id\x00", b"a\x00b")],
    "free text": [("ce_id", b"Anna Meier")],
}


@pytest.mark.parametrize("headers", BAD_HEADERS.values(), ids=BAD_HEADERS)
async def test_what_belongs_to_no_stream_is_set_aside_and_stops_nobody(
    ear: Ear, voice: Voice, headers: list[tuple[str, bytes]]
) -> None:
    journey = new_id()
    letter = Incoming("reliefpath.referral", 3, 77, b"key\x00", b"\x00\xffdata", headers, 1)
    outcomes = await ear.hear_read([letter, *ear.take([voice.say(received(), journey)])], carefully=False)
    assert outcomes == {"dead_letter": 1, "effect": 1}
    (row,) = await rows(ear.db, "SELECT * FROM backbone.dead_letters")
    assert (row.topic, row.partition, row.offset) == ("reliefpath.referral", 3, 77)
    assert row.hash == hashlib.sha256(b"\x00\xffdata").hexdigest()
    assert "Anna" not in row.reason
    assert await marks(ear.db, journey) == [1]


async def test_a_message_without_a_value_is_set_aside_or_parked_but_stops_nobody(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    good = voice.say(received(), journey)
    empty = Incoming(good.topic, 0, 5, good.key, None, tuple(good.headers), good.at)
    assert await ear.hear_read([empty]) == {"parked": 1}


async def test_a_fault_of_the_database_is_not_the_events_fault(ear: Ear, voice: Voice) -> None:
    journey = new_id()

    async def fail(uow: UnitOfWork, _: Heard) -> None:
        await uow.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    ear.reactions[events.ReferralReceived] = fail
    with pytest.raises(DBAPIError):
        await ear.hear(voice.say(received(), journey))
    assert await ear.held(journey) == []


async def test_a_value_the_database_cannot_take_is_the_events_fault(ear: Ear, voice: Voice) -> None:
    journey = new_id()

    async def fail(uow: UnitOfWork, _: Heard) -> None:
        uow.session.add(Mark(journey=journey, seq=2**40))

    ear.reactions[events.ReferralReceived] = fail
    assert await ear.hear(voice.say(received(), journey), voice.say(arrived(), new_id())) == {
        "retrying": 1,
        "effect": 1,
    }


async def test_a_reaction_whose_words_cannot_be_written_down_fails_as_any_other(ear: Ear, voice: Voice) -> None:
    bad, good = new_id(), new_id()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        uow.record("did", "thing", None, reason="a\x00b" if heard.attributes.stream == bad else "why")

    ear.reactions[events.ReferralReceived] = react
    assert await ear.hear(voice.say(received(), bad), voice.say(received(), good)) == {"retrying": 1, "effect": 1}
    assert await marks(ear.db, bad) == []
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE action = 'did'") == 1


async def test_a_message_of_which_only_its_place_can_be_read_is_set_aside(ear: Ear) -> None:
    async with unit(ear.db) as uow:
        message = Incoming("reliefpath.referral", 1, 7, None, None, (), 0, "the name of a header is no text")
        outcomes = await ear.hearer.hear(uow, [message], carefully=False)
    assert outcomes["dead_letter"] == 1
    (row,) = await rows(ear.db, 'SELECT topic, partition, "offset", reason, data FROM backbone.dead_letters')
    assert tuple(row) == ("reliefpath.referral", 1, 7, "the name of a header is no text", None)


async def test_an_event_larger_than_any_is_parked_without_being_kept_whole(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    huge = replace(voice.say(received(), journey), value=b"{" + b" " * (3 * inbox.LARGEST) + b"}")
    assert await ear.hear(huge) == {"parked": 1}
    (row,) = await rows(ear.db, "SELECT reason, length(data) AS kept FROM backbone.held")
    assert row.kept == inbox.LARGEST
    assert str(len(huge.value)) in row.reason


async def test_both_versions_of_an_event_are_heard_by_the_reaction_to_the_later_one(ear: Ear, voice: Voice) -> None:
    journey, heard_of = new_id(), list[events.Event]()

    async def react(_: UnitOfWork, heard: Heard) -> None:
        heard_of.append(heard.event)

    first = events.ReferralDeclined(referral=journey, reason_code="no-capacity")
    with second_version() as second:
        ear.reactions[second] = react
        later = second(referral=journey, reason_codes=("no-capacity", "too-far"))
        assert await ear.hear(voice.say(first, journey), voice.say(later, journey)) == {"effect": 2}
        assert heard_of == [second(referral=journey, reason_codes=("no-capacity",)), later]


async def test_a_version_that_only_the_speaker_knows_is_parked_and_heard_once_it_is_known(
    ear: Ear, voice: Voice
) -> None:
    journey, heard_of = new_id(), list[events.Event]()

    async def react(_: UnitOfWork, heard: Heard) -> None:
        heard_of.append(heard.event)

    with second_version() as second:
        said = voice.say(second(referral=journey, reason_codes=("too-far",)), journey)
    assert await ear.hear(said) == {"parked": 1}
    with second_version() as second:
        ear.reactions[second] = react
        async with unit(ear.db) as uow:
            await ear.hearer.try_held(uow, Stream(Speaker.REFERRAL, journey), by="somebody")
        assert [one.model_dump() for one in heard_of] == [{"referral": journey, "reason_codes": ("too-far",)}]


async def test_what_a_reaction_says_names_the_event_that_led_to_it(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    message = voice.say(received(), journey, trace=trace)
    await ear.hear(message)
    (row,) = await rows(ear.db, "SELECT topic, headers FROM backbone.outbox")
    said = read_attributes(row.topic, str(journey).encode(), load_headers(row.headers))
    heard = read_attributes(message.topic, message.key, message.headers)
    assert (said.cause, str(said.actor)) == (f"event:{heard.id}", "system:visiting")
    assert said.trace is not None
    assert said.trace.split("-")[1] == trace.split("-")[1]
    assert said.trace != trace


async def test_why_an_event_failed_is_kept_without_what_the_error_quotes(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.failing.add((journey, 1))
    await ear.hear(voice.say(received(), journey))
    reason = await value(ear.db, "SELECT reason FROM backbone.held")
    assert reason.startswith("ZeroDivisionError at tests.backbone.test_hearing:")
    assert "Anna" not in reason


async def test_anothers_word_that_comes_later_in_the_same_batch_is_enough(ear: Ear, voice: Voice) -> None:
    journey = new_id()
    ear.awaiting.add((journey, 1))
    await ear.hear(voice.say(received(), journey), voice.say(arrived(), journey))
    assert await ear.held(journey) == []
    assert await value(ear.db, "SELECT count(*) FROM marks") == 2
