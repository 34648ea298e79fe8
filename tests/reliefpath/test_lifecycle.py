"""The engine behind every lifecycle: it decides by the table, names every reason, and changes nothing itself."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reliefpath.lifecycle import TO_WHERE_IT_WAS, Command, Lifecycle, ReasonKind, Refused, Transition
from reliefpath.vocabulary import Role, Side
from tests.support.visiting.lifecycle import VISIT, Finish, Pause, Plan, VisitFacts, VisitState

PLANNED = VisitFacts(VisitState.PLANNED, place="north")
NOWHERE = VisitFacts(VisitState.PLANNED)


def refusal(action: str, facts: VisitFacts, role: Role = Role.COORDINATOR, **more: object) -> Refused:
    with pytest.raises(Refused) as refused:
        VISIT.decide(action, facts, role=role, **more)  # type: ignore[arg-type]  # sides or a command
    return refused.value


def codes(refused: Refused) -> list[str]:
    return [reason.code for reason in refused.reasons]


def test_an_action_leads_to_its_target_and_tells_the_advice() -> None:
    target, advice = VISIT.decide("finish", PLANNED, role=Role.CLINICIAN, command=Finish())
    assert target is VisitState.DONE
    assert [one.code for one in advice] == ["one-chair"]


def test_a_refusal_names_every_unmet_guard_at_once() -> None:
    refused = refusal("finish", replace(NOWHERE, chairs=3), command=Finish(chairs_left=1))
    assert codes(refused) == ["place-unknown", "chairs-missing"]
    assert all(reason.message and reason.satisfy for reason in refused.reasons)
    assert refused.reasons[0].kind is ReasonKind.INCOMPLETE
    assert refused.reasons[0].rules == ("visit-place@1",)
    assert refused.reasons[1].pointer == "/chairs_left"


def test_a_refusal_names_state_and_role_together_and_asks_no_guard() -> None:
    refused = refusal("finish", replace(NOWHERE, state=VisitState.DONE), role=Role.PATIENT)
    assert codes(refused) == ["wrong-state", "wrong-role"]


def test_a_refusal_says_what_may_be_done_instead() -> None:
    assert refusal("resume", PLANNED).allowed == ("prepare", "pause", "finish", "retract")
    assert refusal("resume", NOWHERE).allowed == ("prepare", "pause", "retract")
    assert refusal("resume", PLANNED, role=Role.PATIENT).allowed == ()


def test_advice_refuses_nothing() -> None:
    assert VISIT.decide("finish", PLANNED, role=Role.COORDINATOR)[0] is VisitState.DONE


def test_one_side_may_not_do_what_is_the_others() -> None:
    refused = refusal("retract", PLANNED, sides=frozenset({Side.RECEIVER}))
    assert codes(refused) == ["wrong-side"]
    assert refused.reasons[0].kind is ReasonKind.SIDE
    assert (
        VISIT.decide("retract", PLANNED, role=Role.COORDINATOR, sides=frozenset({Side.SENDER}))[0] is VisitState.DROPPED
    )


def test_somebody_on_no_side_may_not_do_what_is_one_sides() -> None:
    assert codes(refusal("retract", PLANNED, sides=frozenset())) == ["wrong-side"]


def test_what_is_the_systems_is_nobody_elses() -> None:
    for role in set(Role) - {Role.SYSTEM}:
        assert "wrong-role" in codes(refusal("drop", PLANNED, role=role))
    assert VISIT.decide("drop", PLANNED, role=Role.SYSTEM)[0] is VisitState.DROPPED
    assert not VISIT["drop"].offered


@pytest.mark.parametrize("was", [VisitState.PLANNED, VisitState.READY])
def test_after_an_interruption_it_is_back_where_it_was(was: VisitState) -> None:
    facts = replace(PLANNED, state=VisitState.PAUSED, returns_to=was)
    assert VISIT.decide("resume", facts, role=Role.COORDINATOR)[0] is was


def test_an_interruption_of_which_nobody_wrote_down_where_it_was_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="nobody wrote that down"):
        VISIT.decide("resume", replace(PLANNED, state=VisitState.PAUSED), role=Role.COORDINATOR)


def test_creation_needs_no_state() -> None:
    for state in VisitState:
        assert VISIT.decide("plan", VisitFacts(state), role=Role.COORDINATOR)[0] is VisitState.PLANNED


def test_an_action_that_is_not_in_the_table_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        VISIT.decide("dance", PLANNED, role=Role.COORDINATOR)


@given(
    state=st.sampled_from(VisitState), was=st.sampled_from([VisitState.PLANNED, VisitState.READY]),
    place=st.none() | st.just("north"), role=st.sampled_from(Role), sides=st.frozensets(st.sampled_from(Side)),
)  # fmt: skip
def test_what_is_shown_as_possible_can_be_done_and_nothing_else(
    state: VisitState, was: VisitState, place: str | None, role: Role, sides: frozenset[Side]
) -> None:
    facts = VisitFacts(state, was, place)
    shown = {one.action: one for one in VISIT.allowed(facts, role=role, sides=sides)}
    for transition in VISIT.transitions:
        if not transition.sources or not transition.offered:
            assert transition.action not in shown
            continue
        found = shown.get(transition.action)
        if found is not None and found.possible:
            VISIT.decide(transition.action, facts, role=role, sides=sides)
            continue
        with pytest.raises(Refused) as refused:
            VISIT.decide(transition.action, facts, role=role, sides=sides)
        assert found is None or found.unmet == refused.value.reasons


def test_every_state_and_role_that_the_table_does_not_name_is_refused() -> None:
    for transition, state, role in product(VISIT.transitions, VisitState, Role):
        if not transition.sources:
            continue
        facts = VisitFacts(state, VisitState.PLANNED, "north")
        if state in transition.sources and role in transition.by:
            VISIT.decide(transition.action, facts, role=role)
        else:
            refusal(transition.action, facts, role)


def test_an_action_stands_in_the_table_once() -> None:
    twice = Transition("go", "Go", VisitState.DONE, frozenset({Role.COORDINATOR}))
    with pytest.raises(ValueError, match="twice"):
        Lifecycle("visit", VisitState, frozenset(), (twice, twice))


def test_open_is_every_state_that_is_not_the_end() -> None:
    assert VISIT.open_states == {VisitState.PLANNED, VisitState.READY, VisitState.PAUSED}


@pytest.mark.parametrize(("cls", "body"), [(Plan, {"plaec": "north"}), (Pause, {}), (Plan, {"chairs": 0})])
def test_a_command_with_a_typo_or_a_gap_is_refused_not_guessed(cls: type[Command], body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        cls.model_validate(body)


def test_a_command_cannot_be_changed_after_it_was_given() -> None:
    command = Pause(reason_code="rain")
    with pytest.raises(ValidationError):
        command.reason_code = "snow"  # type: ignore[misc]  # that is the point


def test_the_diagram_shows_every_way_there_is() -> None:
    drawn = VISIT.diagram()
    assert drawn.startswith("stateDiagram-v2")
    assert "[*] --> planned: plan" in drawn
    assert "paused --> where_it_was: resume" in drawn
    ways = sum(max(1, len(transition.sources)) for transition in VISIT.transitions)
    assert len(re.findall("-->", drawn)) == ways


def test_where_it_was_is_no_state() -> None:
    assert isinstance(TO_WHERE_IT_WAS, StrEnum)
    assert TO_WHERE_IT_WAS.value not in {state.value for state in VisitState}
