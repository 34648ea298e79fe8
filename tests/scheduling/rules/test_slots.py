"""Whether a slot can be had, and what is free instead."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from reliefpath.vocabulary import Purpose
from scheduling.rules import slots
from scheduling.rules.facts import Wanted
from scheduling.rules.hours import Interval
from scheduling.rules.slots import choose, free_slots, needs_of
from tests.support.visits import (
    Wish,
    at,
    between,
    clinician,
    codes,
    device,
    facts,
    found,
    procedure,
    room,
    wish,
)

HOUR = timedelta(hours=1)
MONDAY = between(0, 24)


def test_an_assessment_needs_a_room_and_a_clinician() -> None:
    assert [need.what for need in needs_of(facts())] == ["a room", "a clinician"]


def test_a_procedure_also_needs_the_guidance_its_record_names() -> None:
    assert needs_of(procedure("SCS"))[0].what == "guidance by fluoroscopy"
    assert needs_of(procedure("SCS"))[0].is_met_by(device())
    assert not needs_of(procedure("SCS"))[0].is_met_by(device("us", "ultrasound"))
    assert needs_of(procedure("SCS"))[0].is_met_by(room("theatre", "fluoroscopy"))
    assert not needs_of(procedure("SCS"))[0].is_met_by(clinician())


def test_a_device_is_chosen_before_the_room_that_has_one_built_in() -> None:
    everything = (room("a-theatre", "fluoroscopy"), room("b-room"), clinician(), device())
    chosen = choose(needs_of(procedure()), everything)
    assert chosen is not None
    assert {one.code for one in chosen} == {"a-theatre", "dr-1", "c-arm"}


def test_a_room_with_guidance_built_in_meets_both_needs() -> None:
    chosen = choose(needs_of(procedure()), (room("room"), room("theatre", "fluoroscopy"), clinician()))
    assert chosen is not None
    assert {one.code for one in chosen} == {"theatre", "dr-1"}


def test_without_everything_that_is_needed_there_is_no_choice() -> None:
    assert choose(needs_of(facts()), (room(),)) is None


def test_free_slots_lie_within_opening_hours_and_do_not_overlap_each_other() -> None:
    found_slots = free_slots(facts(), 3 * HOUR, MONDAY, 10)
    assert [one.interval for one in found_slots] == [between(8, 11), between(11, 14)]


def test_a_slot_begins_where_something_becomes_free() -> None:
    busy = facts(resources=(room(busy=(between(8, 9.25),)), clinician()))
    assert free_slots(busy, HOUR, MONDAY, 1)[0].interval == between(9.25, 10.25)


def test_no_slot_begins_before_the_time_that_is_searched() -> None:
    late = free_slots(facts(), HOUR, between(9.5, 24), 1)
    assert late[0].interval == between(9.5, 10.5)


def test_the_other_room_is_proposed_when_one_is_taken() -> None:
    both = facts(resources=(room("room-1", busy=(between(8, 16),)), room("room-2"), clinician()))
    assert [one.code for one in free_slots(both, HOUR, MONDAY, 1)[0].resources] == ["dr-1", "room-2"]


def test_a_patient_is_not_proposed_two_visits_at_once() -> None:
    assert free_slots(facts(other_visits=(between(8, 12),)), HOUR, MONDAY, 1)[0].interval == between(12, 13)


def test_what_is_not_in_use_is_not_proposed() -> None:
    assert free_slots(facts(resources=(room(active=False), clinician())), HOUR, MONDAY, 1) == ()


def test_a_facility_that_nobody_listed_has_no_slots() -> None:
    assert free_slots(facts(facility=None), HOUR, MONDAY, 1) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(7, 15), st.integers(1, 5)), max_size=6),
    st.lists(st.tuples(st.integers(7, 15), st.integers(1, 5)), max_size=6),
    st.integers(15, 240),
)
def test_every_proposed_slot_passes_every_guard_it_was_searched_by(
    of_room: list[tuple[int, int]], of_clinician: list[tuple[int, int]], minutes: int
) -> None:
    place = facts(
        resources=(
            room(busy=tuple(between(start, start + length / 2) for start, length in of_room)),
            clinician(busy=tuple(between(start, start + length / 2) for start, length in of_clinician)),
        )
    )
    for slot in free_slots(place, timedelta(minutes=minutes), between(0, 72), 20):
        command = Wish(Wanted(slot.interval, tuple(one.id for one in slot.resources)))
        for guard in (
            slots.the_resources_are_of_the_facility,
            slots.every_need_is_met,
            slots.the_resources_are_open,
            slots.the_resources_are_free,
        ):
            assert codes(guard, place, command) == []


@settings(max_examples=40, deadline=None)
@given(
    *[st.lists(st.tuples(st.integers(32, 62), st.integers(1, 12)), max_size=5)] * 3,
    st.integers(1, 10),
)
def test_no_earlier_slot_is_passed_over(
    first: list[tuple[int, int]], second: list[tuple[int, int]], patient: list[tuple[int, int]], quarters: int
) -> None:
    def busy(given: list[tuple[int, int]]) -> tuple[Interval, ...]:
        return tuple(between(start / 4, (start + length) / 4) for start, length in given)

    place = facts(
        resources=(room("room-1", busy=busy(first)), room("room-2", busy=busy(second)), clinician(busy=busy(second))),
        other_visits=busy(patient),
    )
    length = timedelta(minutes=15 * quarters)

    def possible(start: datetime) -> bool:
        slot = Interval(start, start + length)
        free = [one for one in place.resources if not any(slot.overlaps(taken) for taken in one.busy)]
        return (
            between(8, 16).covers(slot)
            and not any(slot.overlaps(visit) for visit in place.other_visits)
            and choose(needs_of(place), free) is not None
        )

    starts = [start for quarter in range(24 * 4) if possible(start := at(quarter / 4))]
    proposed = free_slots(place, length, MONDAY, 1)
    assert [one.interval.start for one in proposed] == starts[:1]


def test_every_resource_that_is_unknown_elsewhere_or_out_of_use_is_told_with_its_place() -> None:
    stranger = UUID(int=7)
    other = UUID(int=8)
    place = facts(resources=(room(active=False), clinician()), elsewhere=frozenset({other}))
    command = Wish(Wanted(between(9, 10), (stranger, other, place.resources[0].id)))
    told = found(slots.the_resources_are_of_the_facility, place, command)
    assert [(one.code, one.pointer) for one in told] == [
        ("resource-unknown", "/resources/0"),
        ("resource-elsewhere", "/resources/1"),
        ("resource-inactive", "/resources/2"),
    ]


def test_every_taken_resource_is_told_with_what_is_free_instead() -> None:
    place = facts(
        resources=(
            room("room-1", busy=(between(9, 10),)),
            room("room-2"),
            clinician("dr-1", busy=(between(9.5, 10),)),
            clinician("dr-2", busy=(between(9, 11),)),
        )
    )
    told = found(slots.the_resources_are_free, place, wish())
    assert [(one.code, one.pointer) for one in told] == [
        ("resource-taken", "/resources/0"),
        ("resource-taken", "/resources/1"),
    ]
    assert told[0].satisfy == "Free at that time instead: room-2."
    assert "choose another time" in told[1].satisfy


def test_what_can_do_less_is_not_offered_instead() -> None:
    place = procedure(
        resources=(device("c-arm", busy=(between(9, 10),)), device("us", "ultrasound"), room(), clinician())
    )
    (told,) = found(slots.the_resources_are_free, place, wish(9, 10, "c-arm", "room-1", "dr-1"))
    assert "us" not in told.satisfy.split()


def test_a_taken_time_says_nothing_of_whose_it_is() -> None:
    (told,) = found(slots.the_resources_are_free, facts(resources=(room(busy=(between(9, 10),)), clinician())), wish())
    assert told.message == f"room-1 is taken from {at(9).isoformat()} to {at(10).isoformat()}."


def test_a_resource_that_is_closed_during_any_part_of_the_slot_is_told_with_its_next_hours() -> None:
    told = found(slots.the_resources_are_open, facts(), wish(15.5, 16.5))
    assert [one.code for one in told] == ["resource-closed", "resource-closed"]
    assert at(8, day=1).isoformat() in told[0].satisfy


def test_a_need_that_nobody_named_meets_is_told_with_who_would() -> None:
    (told,) = found(slots.every_need_is_met, procedure(), wish())
    assert (told.code, told.satisfy) == ("need-unmet", "Name one of: c-arm.")
    assert told.rules == ("MODALITY-SCS@1",)


def test_asked_beforehand_only_what_the_facility_lacks_altogether_is_told() -> None:
    assert codes(slots.every_need_is_met, procedure()) == []
    assert codes(slots.every_need_is_met, procedure(resources=(room(), clinician()))) == ["need-unavailable"]


def test_a_slot_with_everything_open_and_free_is_not_objected_to() -> None:
    assert facts().purpose is Purpose.ASSESSMENT
    for guard in (
        slots.the_resources_are_of_the_facility,
        slots.every_need_is_met,
        slots.the_resources_are_open,
        slots.the_resources_are_free,
    ):
        assert codes(guard, facts(), wish()) == []
