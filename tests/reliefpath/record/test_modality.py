"""Modalities, their trials and the drugs left off for them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reliefpath.record import Modality
from tests.support.records import HEAD, RECORD


def test_a_hold_needs_a_length() -> None:
    hold = {**HEAD, "kind": "hold", "guideline": "g", "drugs": ["warfarin"], "by_class": {"high": {"decision": "hold"}}}
    with pytest.raises(ValidationError, match="needs a length"):
        RECORD.validate_python(hold)


def test_a_trial_that_is_needed_says_what_counts_as_one() -> None:
    modality = {
        **HEAD,
        "kind": "modality",
        "code": "SCS",
        "syndromes": ["limb"],
        "procedure": "implant",
        "trial": {"needed": "required"},
        "bleed_class": "high",
        "tier": "T3",
        "capabilities": [],
        "settings": ["hospital"],
    }
    with pytest.raises(ValidationError, match="by what"):
        RECORD.validate_python(modality)
    waivable = {"needed": "waivable", "by": ["SCS"], "response": "RESPONSE-DEFAULT"}
    whole = RECORD.validate_python({**modality, "trial": waivable})
    assert isinstance(whole, Modality)
    assert whole.trial_first
    assert whole.trial_waivable
