"""The form of a clinical record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reliefpath.record import AnyRecord, Contact, Figure, Length, MmeFactor, Modality, Record, Span

LENGTH: TypeAdapter[Span] = TypeAdapter(Length)
RECORD: TypeAdapter[Record] = TypeAdapter(AnyRecord)

HEAD: dict[str, Any] = {
    "id": "X-1",
    "version": 1,
    "title": "A thing",
    "status": "draft",
    "sources": [{"title": "A paper", "organisation": "A journal", "year": 2020}],
    "verification": "P",
    "effective_from": "2026-01-01",
    "review_due": "2027-01-01",
    "site_overridable": True,
    "rationale": "Because.",
}
FIGURE = {**HEAD, "kind": "figure", "quantity": "platelets", "comparison": "below", "value": 50, "unit": "10*9/L"}


def test_a_length_of_time_is_read_as_it_is_written() -> None:
    assert LENGTH.validate_python("24 h").shortest == timedelta(hours=24)
    ranged = LENGTH.validate_python("3-10 d")
    assert (ranged.shortest, ranged.longest) == (timedelta(days=3), timedelta(days=10))
    assert str(ranged) == "3-10 d"
    assert LENGTH.validate_python("4 working_h").working


@pytest.mark.parametrize("wrong", ["soon", "24", "10-3 d", "3 fortnights", "-1 d", 24])
def test_a_length_that_is_no_length_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        LENGTH.validate_python(wrong)


def test_a_record_is_named_by_id_and_version_and_can_be_kept_in_a_set() -> None:
    record = RECORD.validate_python(FIGURE)
    assert record.ref == "X-1@1"
    assert len({record, RECORD.validate_python(FIGURE)}) == 1


def test_a_record_without_a_source_is_refused() -> None:
    with pytest.raises(ValidationError):
        RECORD.validate_python({**FIGURE, "sources": []})


def test_a_record_cannot_be_approved_by_nobody() -> None:
    with pytest.raises(ValidationError, match="by nobody"):
        RECORD.validate_python({**FIGURE, "status": "approved"})


def test_a_draft_cannot_name_an_approver() -> None:
    with pytest.raises(ValidationError, match="a draft"):
        RECORD.validate_python({**FIGURE, "approved_by": "dr-1"})


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        RECORD.validate_python({**FIGURE, "valeu": 3})


def test_a_figure_needs_a_value_or_a_range() -> None:
    with pytest.raises(ValidationError, match="either a value or a range"):
        RECORD.validate_python({key: value for key, value in FIGURE.items() if key != "value"})
    ranged = RECORD.validate_python({**FIGURE, "value": None, "low": 50, "high": 80})
    assert isinstance(ranged, Figure)


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
