"""The table of a course's life: what it allows it allows, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from referral.lifecycle.course import COURSE, Agree, Authorise, CourseState
from referral.rules.course import CourseFacts
from reliefpath.events import CATALOGUE, Speaker
from reliefpath.lifecycle import Refused, Transition
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Role, Side, Verdict
from tests.support.lifecycles import pairs, reachable

S = CourseState
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def facts(state: StrEnum, kind: CourseKind = CourseKind.TREATMENT) -> CourseFacts:
    """The facts of a course to which nothing stands in the way."""
    return CourseFacts(
        state=state,
        now=NOW,
        rulebook=Rulebook.load(),
        kind=kind,
        modality="VAUG",
        referral_state="active",
        referral_is_active=True,
        baseline_pain=7,
        review_is_due=True,
        verdict=Verdict.RESPONDER,
    )


def kind_for(transition: Transition) -> CourseKind:
    return CourseKind.TRIAL if transition.action == "record-verdict" else CourseKind.TREATMENT


@pytest.mark.parametrize(("state", "transition"), list(pairs(COURSE)), ids=lambda one: getattr(one, "action", str(one)))
def test_an_action_is_possible_in_exactly_the_states_the_table_lists(state: StrEnum, transition: Transition) -> None:
    role = min(transition.by)
    given_facts = facts(state, kind_for(transition))
    if state in transition.sources:
        assert COURSE.decide(transition.action, given_facts, role=role)[0] is transition.target
    else:
        with pytest.raises(Refused) as refused:
            COURSE.decide(transition.action, given_facts, role=role)
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


@given(state=st.sampled_from(list(S)), action=st.sampled_from(COURSE.transitions), role=st.sampled_from(list(Role)))
def test_who_is_not_listed_is_always_refused(state: S, action: Transition, role: Role) -> None:
    if role not in action.by:
        with pytest.raises(Refused) as refused:
            COURSE.decide(action.action, facts(state), role=role)
        assert "wrong-role" in {reason.code for reason in refused.value.reasons}


def test_every_state_is_reachable() -> None:
    assert reachable(COURSE) == set(S)


def test_whatever_is_open_can_be_abandoned_by_the_service_itself() -> None:
    for state in COURSE.open_states:
        assert COURSE.decide("abandon", facts(state), role=Role.SYSTEM)[0] is S.ABANDONED


def test_what_has_ended_stays_ended() -> None:
    assert not [one.action for one in COURSE.transitions if one.sources & COURSE.terminal]


def test_only_the_receiving_side_acts_on_a_course() -> None:
    for transition in COURSE.transitions:
        if transition.offered:
            assert transition.side is Side.RECEIVER


def test_what_others_decide_no_person_can_do_here() -> None:
    silent = {one.action for one in COURSE.transitions if not one.offered}
    assert silent == {"book", "unbook", "perform", "observe", "review", "record-verdict"}


def test_what_is_said_is_the_referral_services_to_say() -> None:
    for transition in COURSE.transitions:
        for event in transition.emits:
            assert CATALOGUE[event.type].speaker is Speaker.REFERRAL


def test_a_shared_decision_names_options_risks_goal_and_leaflet() -> None:
    whole = {"goal": "walk the dog", "options_discussed": ["none"], "risks_discussed": ["infection"], "leaflet": "v3"}
    Agree.model_validate(whole)
    for left_out in whole:
        with pytest.raises(ValidationError):
            Agree.model_validate({name: value for name, value in whole.items() if name != left_out})


def test_an_authorisation_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError):
        Authorise.model_validate({"reference": "A-1", "valid_until": "2026-12-01T00:00:00"})
