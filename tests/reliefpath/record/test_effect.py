"""Contacts after a procedure and exposure to opioids."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from reliefpath.record import Contact, MmeFactor
from tests.support.records import HEAD, RECORD


def test_an_equivalent_can_be_neither_a_limit_nor_a_conversion() -> None:
    factor = {**HEAD, "kind": "mme_factor", "factor_set": "s", "drug": "morphine", "factor": 1, "per": "mg/d"}
    assert isinstance(RECORD.validate_python(factor), MmeFactor)
    for claim in ("is_limit", "converts_between_opioids"):
        with pytest.raises(ValidationError):
            RECORD.validate_python({**factor, claim: True})


def test_a_drug_without_a_factor_is_not_counted_as_zero() -> None:
    factor = {**HEAD, "kind": "mme_factor", "factor_set": "s", "drug": "buprenorphine"}
    with pytest.raises(ValidationError):
        RECORD.validate_python(factor)
    with pytest.raises(ValidationError):
        RECORD.validate_python({**factor, "factor": 0, "per": "mg/d"})
    unknown = RECORD.validate_python({**factor, "convertible": False})
    assert isinstance(unknown, MmeFactor)
    assert unknown.factor is None


def test_a_repeated_contact_covers_its_whole_range() -> None:
    daily = Contact.model_validate({"at": "1-7 d", "every": "1 d", "channel": "diary", "purpose": "effect"})
    assert daily.offsets() == tuple(timedelta(days=day) for day in range(1, 8))
    once = Contact.model_validate({"at": "24-72 h", "channel": "phone", "purpose": "effect"})
    assert once.offsets() == (timedelta(hours=24),)
    never_ending = Contact.model_validate({"at": "1-7 d", "every": "0 d", "channel": "diary", "purpose": "effect"})
    assert len(never_ending.offsets()) == 1
