"""The table of an observation's life: the service alone acts, and only as the table says."""

from __future__ import annotations

from enum import StrEnum

import pytest

from followup.lifecycle.observation import OBSERVATION, ObservationState
from followup.rules.observation import ObservationFacts
from reliefpath.lifecycle import Refused, Transition
from reliefpath.vocabulary import CourseKind, Role
from tests.support.lifecycles import pairs, reachable


@pytest.mark.parametrize(("state", "transition"), list(pairs(OBSERVATION)), ids=lambda one: getattr(one, "action", one))
def test_an_action_is_possible_in_exactly_the_states_the_table_lists(state: StrEnum, transition: Transition) -> None:
    facts = ObservationFacts(state, CourseKind.TREATMENT)
    if state in transition.sources:
        assert OBSERVATION.decide(transition.action, facts, role=Role.SYSTEM)[0] is transition.target
    else:
        with pytest.raises(Refused) as refused:
            OBSERVATION.decide(transition.action, facts, role=Role.SYSTEM)
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


def test_every_state_is_reachable() -> None:
    assert reachable(OBSERVATION) == set(ObservationState)


def test_nothing_is_done_to_an_observation_by_hand() -> None:
    assert not any(transition.offered for transition in OBSERVATION.transitions)


def test_whatever_is_open_can_be_ended() -> None:
    assert OBSERVATION["end"].sources == OBSERVATION.open_states
