"""The table of a trial's life: what it allows it allows, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
from pydantic import ValidationError

from followup.lifecycle.trial import TRIAL, Extend, Judge, TrialState
from followup.rules.response import Suggestion
from followup.rules.trial import TrialFacts
from reliefpath.events import CATALOGUE, Speaker
from reliefpath.lifecycle import Command, Refused, Transition
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role, Side, Verdict
from tests.support.lifecycles import pairs, reachable

S = TrialState
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BODIES = {
    "extend": {"until": NOW + timedelta(days=3), "reason_code": "late-responder"},
    "conclude": {"reason_code": "lead-moved"},
    "judge": {"verdict": "responder"},
}


def facts(state: StrEnum) -> TrialFacts:
    """The facts of a trial to which nothing stands in the way."""
    return TrialFacts(
        state=state,
        now=NOW,
        rulebook=Rulebook.load(),
        modality="SCS",
        suggestion=Suggestion(Verdict.RESPONDER, 60.0),
        started_at=NOW - timedelta(days=7),
        ends_at=NOW,
    )


def body(transition: Transition) -> Command:
    return transition.command.model_validate(BODIES.get(transition.action, {}))


@pytest.mark.parametrize(("state", "transition"), list(pairs(TRIAL)), ids=lambda one: getattr(one, "action", one))
def test_an_action_is_possible_in_exactly_the_states_the_table_lists(state: StrEnum, transition: Transition) -> None:
    role = min(transition.by)
    if state in transition.sources:
        found, _ = TRIAL.decide(transition.action, facts(state), role=role, command=body(transition))
        assert found is transition.target
    else:
        with pytest.raises(Refused) as refused:
            TRIAL.decide(transition.action, facts(state), role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


@pytest.mark.parametrize("transition", TRIAL.transitions, ids=lambda one: one.action)
def test_nobody_but_those_in_the_table_may_act(transition: Transition) -> None:
    state = min(transition.sources, default=S.PLANNED)
    for role in set(Role) - transition.by:
        with pytest.raises(Refused) as refused:
            TRIAL.decide(transition.action, facts(state), role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-role"]


def test_every_state_is_reachable() -> None:
    assert reachable(TRIAL) == set(S)


def test_whatever_is_open_can_be_abandoned_by_the_service_itself() -> None:
    assert TRIAL["abandon"].sources == TRIAL.open_states
    assert TRIAL["abandon"].by == {Role.SYSTEM}


def test_what_has_ended_stays_ended() -> None:
    assert not [one.action for one in TRIAL.transitions if one.sources & TRIAL.terminal]


def test_a_person_s_actions_are_the_receiving_side_s() -> None:
    assert {one.action for one in TRIAL.transitions if one.offered} == set(BODIES)
    assert {one.side for one in TRIAL.transitions if one.offered} == {Side.RECEIVER}


def test_it_says_what_the_catalogue_holds_and_what_is_its_own_to_say() -> None:
    for transition in TRIAL.transitions:
        for event in transition.emits:
            assert CATALOGUE[event.type].speaker is Speaker.FOLLOWUP


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (Extend, {"until": "2026-12-01T09:00:00", "reason_code": "x"}),  # a time without an offset
        (Extend, {"until": "2026-12-01T09:00:00Z"}),
        (Extend, {"until": "2026-12-01T09:00:00Z", "reason_code": "a sentence, not a code"}),
        (Judge, {}),
        (Judge, {"verdict": "cured"}),
        (Judge, {"verdict": "responder", "reason": ""}),
        (Judge, {"verdict": "responder", "extra": 1}),
    ],
)
def test_a_body_that_says_too_little_or_too_much_is_refused(command: type[Command], body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        command.model_validate(body)
