"""What a person types about a patient."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from referral.lifecycle.given import Asked, FactGiven, PatientGiven


def test_a_patient_without_an_identifier_is_refused() -> None:
    with pytest.raises(ValidationError):
        PatientGiven.model_validate({"identifiers": [], "family": "Doe"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "", "two\nlines", "\x00"])
def test_a_value_is_a_finite_number_or_one_line(value: object) -> None:
    with pytest.raises(ValidationError):
        FactGiven.model_validate({"kind": "pain_score", "value": value})


def test_a_kind_of_fact_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError):
        FactGiven.model_validate({"kind": "mood", "value": 3})


def test_a_reason_in_words_is_refused_as_it_would_travel() -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate({"to": "pain", "setting": "home", "reason_code": "Mrs Doe is in pain"})
