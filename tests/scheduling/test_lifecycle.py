"""The appointment's table, read as a whole: every pair of state and action, every state, every command."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from reliefpath.events import CATALOGUE
from reliefpath.lifecycle import STAYS, Command, Refused, Transition
from reliefpath.vocabulary import Role, Side
from scheduling.lifecycle import APPOINTMENT, HOLDING, TERMINAL, WAITING, AppointmentState, Offer, Reschedule, Slot
from tests.support.lifecycles import reachable
from tests.support.visits import at, between, facts, id_of

SLOT = {"starts_at": at(9), "minutes": 60, "resources": [id_of("room-1"), id_of("dr-1")]}
BODIES = {
    "offer": SLOT,
    "book": SLOT,
    "cancel": {"reason_code": "unwell"},
    "reschedule": {"reason_code": "unwell", "to": SLOT},
    "record-hold": {"drug": "warfarin", "last_dose_at": at(0)},
    "record-discussion": {"drug": "warfarin", "reason_code": "agreed"},
}
ACTIONS = [one for one in APPOINTMENT.transitions if one.sources]


def body(transition: Transition) -> Command:
    """A body that nothing is to be said against."""
    return transition.command.model_validate(BODIES.get(transition.action, {}))


@pytest.mark.parametrize("transition", ACTIONS, ids=lambda one: one.action)
@pytest.mark.parametrize("state", list(AppointmentState))
def test_an_action_is_possible_from_its_states_and_from_no_other(
    state: AppointmentState, transition: Transition
) -> None:
    role = min(transition.by)
    given = facts(state=state, slot=between(6, 7) if state in HOLDING else None)
    if state in transition.sources:
        target, _ = APPOINTMENT.decide(transition.action, given, role=role, command=body(transition))
        assert target is (state if transition.target is STAYS else transition.target)
    else:
        with pytest.raises(Refused) as refused:
            APPOINTMENT.decide(transition.action, given, role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


@pytest.mark.parametrize("transition", ACTIONS, ids=lambda one: one.action)
def test_nobody_but_those_in_the_table_may_act(transition: Transition) -> None:
    state = AppointmentState(min(transition.sources))
    for role in set(Role) - transition.by:
        with pytest.raises(Refused) as refused:
            APPOINTMENT.decide(transition.action, facts(state=state), role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-role"]


def test_every_state_can_be_reached() -> None:
    assert reachable(APPOINTMENT) == set(AppointmentState)


def test_from_every_open_state_there_is_a_way_to_an_end_that_people_can_take_and_one_that_closes_it_quietly() -> None:
    for state in APPOINTMENT.open_states:
        assert state in APPOINTMENT["wind-down"].sources
        assert any(state in one.sources and one.offered for one in ACTIONS)


def test_nothing_happens_to_what_has_ended() -> None:
    assert not any(one.sources & TERMINAL for one in ACTIONS)


def test_every_event_in_the_table_is_in_the_catalogue_and_none_of_them_is_left_unsaid() -> None:
    said = {event.type for one in APPOINTMENT.transitions for event in one.emits}
    ours = {kind for kind, event in CATALOGUE.items() if event.speaker == "scheduling"}
    assert said == ours


def test_only_the_facility_of_the_appointment_books() -> None:
    for action in ("waitlist", "offer", "book", "arrive", "start", "fulfil", "reschedule", "miss"):
        assert APPOINTMENT[action].side is Side.RECEIVER


def test_somebody_has_to_find_a_time_where_none_is_held() -> None:
    assert not WAITING & HOLDING
    assert set(AppointmentState) == WAITING | HOLDING | TERMINAL


def test_a_slot_says_when_and_with_what() -> None:
    slot = Slot.model_validate(SLOT)
    assert slot.wanted is not None
    assert slot.wanted.interval == between(9, 10)
    assert slot.wanted.interval.length == timedelta(hours=1)


def test_a_new_slot_is_pointed_at_where_it_stands_in_the_command() -> None:
    moved = Reschedule.model_validate({"reason_code": "unwell", "to": SLOT})
    assert moved.wanted is not None
    assert moved.wanted.at == "/to"
    assert Reschedule(reason_code="unwell").wanted is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": 1441},
        {"resources": []},
        {"resources": [id_of("room-1"), id_of("room-1")]},
        {"starts_at": "2026-11-23T09:00:00"},
        {"room": "1"},
    ],
)
def test_a_slot_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Offer.model_validate({**SLOT, **wrong})
