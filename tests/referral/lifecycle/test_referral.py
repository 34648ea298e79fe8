"""The table of a referral's life: what it allows it allows, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from referral.lifecycle.referral import REFERRAL, Accept, Complete, Decline, ReferralState, SupplyInformation
from referral.rules.referral import ReferralFacts
from reliefpath.events import CATALOGUE, Speaker
from reliefpath.lifecycle import Refused, Transition
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role, Side
from tests.support.lifecycles import interruptions, pairs, reachable

S = ReferralState
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BOTH = frozenset(Side)


def facts(state: StrEnum, **more: object) -> ReferralFacts:
    """The facts of a referral to which nothing stands in the way."""
    returns_to = S.ACTIVE if state in interruptions(REFERRAL) else None
    given = {"returns_to": returns_to, "sides": BOTH, "cancellation_by": Side.SENDER, **more}
    return ReferralFacts(state=state, now=NOW, rulebook=Rulebook.load(), **given)  # type: ignore[arg-type]  # a test's dict


@pytest.mark.parametrize(
    ("state", "transition"), list(pairs(REFERRAL)), ids=lambda one: getattr(one, "action", str(one))
)
def test_an_action_is_possible_in_exactly_the_states_the_table_lists(state: StrEnum, transition: Transition) -> None:
    role = min(transition.by)
    if state in transition.sources:
        target, _ = REFERRAL.decide(transition.action, facts(state), role=role)
        assert target in set(S)
    else:
        with pytest.raises(Refused) as refused:
            REFERRAL.decide(transition.action, facts(state), role=role)
        assert [reason.code for reason in refused.value.reasons] == ["wrong-state"]


@given(state=st.sampled_from(list(S)), action=st.sampled_from(REFERRAL.transitions), role=st.sampled_from(list(Role)))
def test_who_is_not_listed_is_always_refused(state: S, action: Transition, role: Role) -> None:
    if role not in action.by:
        with pytest.raises(Refused) as refused:
            REFERRAL.decide(action.action, facts(state), role=role)
        assert "wrong-role" in {reason.code for reason in refused.value.reasons}


def test_every_state_is_reachable() -> None:
    assert reachable(REFERRAL) == set(S)


def test_from_every_open_state_death_and_error_lead_out() -> None:
    for state in REFERRAL.open_states:
        assert REFERRAL.decide("record-death", facts(state), role=Role.CLINICIAN)[0] is S.CANCELLED
        assert REFERRAL.decide("enter-in-error", facts(state), role=Role.COORDINATOR)[0] is S.ENTERED_IN_ERROR


def test_nothing_but_reopening_leaves_a_closed_state() -> None:
    assert {one.action for one in REFERRAL.transitions if one.sources & REFERRAL.terminal} == {"reopen"}


def test_only_the_side_named_in_the_table_may_act() -> None:
    for transition in REFERRAL.transitions:
        if transition.side is None or not transition.offered:
            continue
        other = BOTH - {transition.side}
        with pytest.raises(Refused) as refused:
            REFERRAL.decide(transition.action, facts(min(transition.sources)), role=min(transition.by), sides=other)
        assert [reason.code for reason in refused.value.reasons] == ["wrong-side"]


def test_an_interrupted_referral_returns_to_where_it_was() -> None:
    waiting = facts(S.AWAITING_INFORMATION, returns_to=S.RECEIVED)
    assert REFERRAL.decide("supply-information", waiting, role=Role.REFERRER)[0] is S.RECEIVED
    refusing = facts(S.CANCELLATION_REQUESTED, returns_to=S.ACCEPTED, cancellation_by=Side.RECEIVER)
    assert REFERRAL.decide("refuse-cancellation", refusing, role=Role.REFERRER)[0] is S.ACCEPTED


def test_what_is_said_is_the_referral_services_to_say() -> None:
    for transition in REFERRAL.transitions:
        for event in transition.emits:
            assert CATALOGUE[event.type].speaker is Speaker.REFERRAL


def test_a_closing_report_a_reason_and_an_urgency_are_never_left_out() -> None:
    for command in (Complete, Decline, Accept):
        with pytest.raises(ValidationError):
            command.model_validate({})
    with pytest.raises(ValidationError):
        Complete.model_validate({"report": "   "})
    with pytest.raises(ValidationError):
        SupplyInformation.model_validate({"answer": "with a NUL \x00"})


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Accept.model_validate({"urgency": "urgent", "overide_reason": "typo"})
