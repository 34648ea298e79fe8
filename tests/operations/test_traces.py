"""One journey's events come in causal order, whatever the order of arrival and whatever the clocks say."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.traces import CauseKind, Gap, trace

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPEAKERS = ("referral", "scheduling", "followup")


@dataclass(frozen=True)
class Event:
    """The least that can be placed."""

    id: UUID
    speaker: str
    seq: int
    time: datetime
    cause: str


def event(number: int, speaker: str, seq: int, minute: float, cause: str | int = "request:r") -> Event:
    """Event `number`; a cause given as a number is the event of that number."""
    named = f"event:{UUID(int=cause)}" if isinstance(cause, int) else cause
    return Event(UUID(int=number), speaker, seq, NOON + timedelta(minutes=minute), named)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events as they truly came about: each names an earlier one or a request, and no clock can be trusted."""
    counts = dict.fromkeys(SPEAKERS, 0)
    happened: list[Event] = []
    for number in range(1, draw(st.integers(1, 25)) + 1):
        speaker = draw(st.sampled_from(SPEAKERS))
        counts[speaker] += 1
        cause = "request:r"
        if number > 1 and draw(st.booleans()):
            named = f"event:{draw(st.sampled_from(happened)).id}"
            cause = draw(st.sampled_from([named, f"deadline:check-in-due:0192:{named}"]))
        happened.append(event(number, speaker, counts[speaker], draw(st.integers(-90, 90)), cause))
    return happened


@given(histories(), st.randoms())
def test_any_order_of_arrival_yields_the_same_order(happened: list[Event], chance: random.Random) -> None:
    arrived = [*happened]
    chance.shuffle(arrived)
    assert trace(arrived) == trace(happened)


@given(histories())
def test_no_effect_stands_before_its_cause_and_seq_is_kept_whatever_the_clocks_say(happened: list[Event]) -> None:
    traced = trace(happened)
    place = {step.event.id: step.position for step in traced.steps}
    assert sorted(place.values()) == list(range(1, len(happened) + 1))
    for step in traced.steps:
        if step.event.cause != "request:r":
            named = UUID(step.event.cause.rpartition(":")[2])
            assert step.cause.kind in {CauseKind.EVENT, CauseKind.DEADLINE}
            assert step.cause.position == place[named] < step.position
            assert step.depth == traced.steps[step.cause.position - 1].depth + 1
    for speaker in SPEAKERS:
        said = [step.event.seq for step in traced.steps if step.event.speaker == speaker]
        assert said == sorted(said)
    assert not traced.gaps


@given(histories(), st.data())
def test_causes_that_contradict_each_other_still_give_one_order_that_keeps_seq(
    happened: list[Event], data: st.DataObject
) -> None:
    broken = [
        replace(one, cause=f"event:{data.draw(st.sampled_from(happened)).id}") if data.draw(st.booleans()) else one
        for one in happened
    ]
    traced = trace(broken)
    assert trace(reversed(broken)) == traced
    assert {step.event.id for step in traced.steps} == {one.id for one in happened}
    for speaker in SPEAKERS:
        said = [step.event.seq for step in traced.steps if step.event.speaker == speaker]
        assert said == sorted(said)
    for step in traced.steps:
        if step.cause.kind is CauseKind.EVENT:
            assert step.cause.position is not None
            assert step.cause.position < step.position


def test_time_decides_between_events_of_which_neither_led_to_the_other() -> None:
    late, early = event(1, "referral", 1, 30), event(2, "followup", 1, 10)
    assert [step.event for step in trace([late, early]).steps] == [early, late]


def test_an_effect_whose_clock_is_behind_comes_right_after_its_cause() -> None:
    cause, effect = event(1, "referral", 1, 30), event(2, "scheduling", 1, -60, cause=1)
    later = event(3, "referral", 2, 31)
    traced = trace([effect, later, cause])
    assert [step.event for step in traced.steps] == [cause, effect, later]
    assert traced.steps[1].after_cause == timedelta(minutes=-90)


@pytest.mark.parametrize(
    ("cause", "kind", "id"),
    [
        ("request:0192", CauseKind.REQUEST, "0192"),
        ("deadline:trial-end:0192", CauseKind.DEADLINE, "trial-end:0192"),
        (f"event:{UUID(int=99)}", CauseKind.UNHEARD, str(UUID(int=99))),
        (f"deadline:trial-end:0192:event:{UUID(int=99)}", CauseKind.DEADLINE, "trial-end:0192"),
        ("deadline:trial-end:0192:request:0193", CauseKind.DEADLINE, "trial-end:0192"),
        ("event:not-an-id", CauseKind.UNHEARD, "not-an-id"),
        ("consumer", CauseKind.OTHER, "consumer"),
        ("request:", CauseKind.OTHER, "request:"),
    ],
)
def test_a_cause_that_is_no_event_of_the_journey_is_named_for_what_it_is(cause: str, kind: CauseKind, id: str) -> None:
    [step] = trace([event(1, "referral", 1, 0, cause)]).steps
    assert (step.cause.kind, step.cause.id, step.cause.position, step.depth) == (kind, id, None, 0)


def test_what_a_deadline_led_to_comes_after_the_event_that_led_to_the_deadline() -> None:
    began = event(1, "referral", 1, 30)
    due = event(2, "followup", 1, -60, cause=f"deadline:check-in-due:0192:event:{began.id}")
    traced = trace([due, began])
    assert [step.event for step in traced.steps] == [began, due]
    step = traced.steps[1]
    assert (step.cause.kind, step.cause.position, step.depth) == (CauseKind.DEADLINE, 1, 1)
    assert step.after_cause == timedelta(minutes=-90)


def test_an_event_that_names_itself_or_a_later_one_of_its_speaker_is_marked_as_contradicted() -> None:
    first, second = event(1, "referral", 1, 0, cause=2), event(2, "referral", 2, 1, cause=2)
    traced = trace([first, second])
    assert [step.event for step in traced.steps] == [first, second]
    assert [step.cause.kind for step in traced.steps] == [CauseKind.CONTRADICTED, CauseKind.CONTRADICTED]


def test_a_circle_of_causes_is_broken_within_the_circle() -> None:
    """An event that merely follows from the circle is earlier by its clock, and keeps its cause all the same."""
    one, other = event(1, "referral", 1, 10, cause=2), event(2, "scheduling", 1, 20, cause=1)
    follower = event(3, "followup", 1, -50, cause=2)
    traced = trace([follower, one, other])
    assert [step.event for step in traced.steps] == [one, other, follower]
    kinds = [CauseKind.CONTRADICTED, CauseKind.EVENT, CauseKind.EVENT]
    assert [step.cause.kind for step in traced.steps] == kinds


def test_a_seq_that_was_not_heard_is_named() -> None:
    said = [event(1, "referral", 1, 0), event(2, "referral", 4, 1), event(3, "followup", 2, 2)]
    assert trace(said).gaps == (Gap("followup", 1), Gap("referral", 2), Gap("referral", 3))


def test_a_journey_of_which_nothing_was_heard_has_no_steps() -> None:
    assert trace([]).steps == ()
