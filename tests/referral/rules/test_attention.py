"""What an attention is decided by."""

from __future__ import annotations

from referral.lifecycle import ATTENTION, AttentionState
from referral.rules.attention import AttentionFacts
from reliefpath.vocabulary import Role


def test_an_open_attention_offers_its_clearing_to_those_who_coordinate() -> None:
    facts = AttentionFacts(AttentionState.OPEN)
    assert [one.action for one in ATTENTION.allowed(facts, role=Role.COORDINATOR)] == ["clear"]
    assert ATTENTION.allowed(facts, role=Role.REFERRER) == ()
