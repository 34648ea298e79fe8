"""The table of a check-in's life: what it allows it allows, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import pytest
from pydantic import ValidationError

from followup.lifecycle.check_in import CHECK_IN, CheckInState, Complete
from followup.rules.check_in import CheckInFacts
from reliefpath.lifecycle import Command, Refused, Transition
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role
from tests.support.lifecycles import pairs, reachable

S = CheckInState
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BODIES = {"complete": {"average_pain": 3}, "cancel": {"reason_code": "moved-away"}}


def facts(state: StrEnum, action: str) -> CheckInFacts:
    """The facts of a check-in to which nothing stands in the way."""
    book = Rulebook.load()
    return CheckInFacts(state, NOW, book, NOW, book.missed_contact().retries if action == "lose" else 0)


def body(transition: Transition) -> Command:
    return transition.command.model_validate(BODIES.get(transition.action, {}))


@pytest.mark.parametrize(("state", "transition"), list(pairs(CHECK_IN)), ids=lambda one: getattr(one, "action", one))
def test_an_action_is_possible_in_exactly_the_states_the_table_lists(state: StrEnum, transition: Transition) -> None:
    role, given = min(transition.by), facts(state, transition.action)
    if state in transition.sources:
        found, _ = CHECK_IN.decide(transition.action, given, role=role, command=body(transition))
        assert found is transition.target
    else:
        with pytest.raises(Refused) as refused:
            CHECK_IN.decide(transition.action, given, role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


@pytest.mark.parametrize("transition", CHECK_IN.transitions, ids=lambda one: one.action)
def test_nobody_but_those_in_the_table_may_act(transition: Transition) -> None:
    state = min(transition.sources, default=S.SCHEDULED)
    for role in set(Role) - transition.by:
        with pytest.raises(Refused) as refused:
            CHECK_IN.decide(transition.action, facts(state, transition.action), role=role, command=body(transition))
        assert [reason.code for reason in refused.value.reasons] == ["wrong-role"]


def test_every_state_is_reachable() -> None:
    assert reachable(CHECK_IN) == set(S)


def test_a_patient_may_answer_and_do_nothing_else() -> None:
    assert [one.action for one in CHECK_IN.transitions if Role.PATIENT in one.by] == ["complete"]


def test_whatever_is_open_can_be_done_without() -> None:
    assert CHECK_IN["cancel"].sources == CHECK_IN.open_states


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"average_pain": 11},
        {"average_pain": -1},
        {"average_pain": 3.5},
        {"average_pain": "3"},
        {"average_pain": None},
        {"average_pain": 3, "worst_pain": 11},
        {"average_pain": 3, "rescue_doses": -1},
        {"average_pain": 3, "rescue_doses": 101},
        {"average_pain": 3, "pain": 3},
        {"average_pain": 3, "note": "x" * 4001},
        {"average_pain": 3, "note": "nul\x00"},
    ],
)
def test_an_answer_that_cannot_be_one_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Complete.model_validate(body)
