"""The table of an attention's life."""

from __future__ import annotations

import pytest

from referral.lifecycle.attention import ATTENTION, AttentionState
from referral.rules.attention import AttentionFacts
from reliefpath.lifecycle import Refused
from reliefpath.vocabulary import Role
from tests.support.lifecycles import pairs, reachable

S = AttentionState


def test_every_state_is_reachable() -> None:
    assert reachable(ATTENTION) == set(S)


def test_an_attention_ends_once() -> None:
    for state, transition in pairs(ATTENTION):
        role = min(transition.by)
        if state is S.OPEN:
            ATTENTION.decide(transition.action, AttentionFacts(state), role=role)
        else:
            with pytest.raises(Refused):
                ATTENTION.decide(transition.action, AttentionFacts(state), role=role)


def test_a_referrer_cannot_clear_what_asks_the_receiver() -> None:
    with pytest.raises(Refused):
        ATTENTION.decide("clear", AttentionFacts(S.OPEN), role=Role.REFERRER)
