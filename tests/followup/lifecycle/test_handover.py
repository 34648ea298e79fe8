"""The table of a handover's life: what it allows it allows, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

import pytest

from followup.lifecycle.handover import HANDOVER, HandoverState
from followup.rules.handover import HandoverFacts, Team
from reliefpath.lifecycle import Command, Refused, Transition
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FacilityKind, Role, Side
from tests.support.lifecycles import pairs, reachable

S = HandoverState
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BODIES = {
    "offer": {"journey": str(uuid4()), "to": "home-west"},
    "refuse": {"reason_code": "no-capacity"},
    "return": {"setting": "hospital", "reason_code": "worse"},
    "end": {"reason_code": "done"},
}


def facts(state: StrEnum) -> HandoverFacts:
    """The facts of a handover to which nothing stands in the way."""
    team = Team("home-west", FacilityKind.HOME_CARE, accepting=True)
    return HandoverFacts(state, NOW, Rulebook.load(), journey_is_open=True, team=team)


def body(transition: Transition) -> Command:
    return transition.command.model_validate(BODIES.get(transition.action, {}))


@pytest.mark.parametrize(("state", "transition"), list(pairs(HANDOVER)), ids=lambda one: getattr(one, "action", one))
def test_an_action_is_possible_in_exactly_the_states_the_table_lists(state: StrEnum, transition: Transition) -> None:
    role = min(transition.by)
    if state in transition.sources:
        found, _ = HANDOVER.decide(transition.action, facts(state), role=role, command=body(transition))
        assert found is transition.target
    else:
        with pytest.raises(Refused) as refused:
            HANDOVER.decide(transition.action, facts(state), role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


@pytest.mark.parametrize("transition", HANDOVER.transitions, ids=lambda one: one.action)
def test_nobody_but_those_in_the_table_may_act(transition: Transition) -> None:
    state = min(transition.sources, default=S.OFFERED)
    for role in set(Role) - transition.by:
        with pytest.raises(Refused) as refused:
            HANDOVER.decide(transition.action, facts(state), role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-role"]


def test_every_state_is_reachable() -> None:
    assert reachable(HANDOVER) == set(S)


@pytest.mark.parametrize("action", ["accept", "refuse"])
def test_only_the_team_that_was_asked_answers(action: str) -> None:
    with pytest.raises(Refused) as refused:
        HANDOVER.decide(
            action,
            facts(S.OFFERED),
            role=Role.HOME_NURSE,
            sides=frozenset({Side.SENDER}),
            command=body(HANDOVER[action]),
        )
    assert [reason.code for reason in refused.value.reasons] == ["wrong-side"]


def test_whatever_is_open_can_be_ended() -> None:
    assert HANDOVER["end"].sources == HANDOVER.open_states


def test_what_has_ended_stays_ended() -> None:
    assert not [one.action for one in HANDOVER.transitions if one.sources & HANDOVER.terminal]
