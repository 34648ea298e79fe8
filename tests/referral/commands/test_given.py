"""What a person types is read by the same words and codes as what a bundle says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from referral.commands.given import as_fact
from referral.intake import Fact
from referral.lifecycle.given import FactGiven


def typed(**given: Any) -> Fact:
    return as_fact(FactGiven.model_validate(given), "referrer")


def test_the_role_that_typed_it_is_its_source() -> None:
    fact = typed(kind="pain_score", value=7, on="2026-11-20")
    assert (fact.source, fact.path) == ("typed", "referrer")
    assert (fact.day, fact.at) == (date(2026, 11, 20), "2026-11-20")


def test_zero_is_a_score_and_nothing_is_none() -> None:
    assert typed(kind="pain_score", value=0).value == 0
    assert typed(kind="pain_score").value is None


@pytest.mark.parametrize(
    ("display", "cancer"),
    [("Malignant neoplasm of pancreas", True), ("Metastatic breast cancer", True), ("Osteoarthritis of knee", False)],
)
def test_a_typed_diagnosis_is_told_to_be_a_cancer_by_its_words(display: str, cancer: bool) -> None:
    assert typed(kind="diagnosis", display=display, current=True).extra["cancer"] is cancer


def test_a_typed_drug_is_found_by_name_or_taken_by_code() -> None:
    assert typed(kind="anticoagulant", display="Eliquis (apixaban) 5 mg").extra == {
        "drug": "apixaban",
        "drug_class": "doac",
    }
    assert typed(kind="opioid", drug="morphine").extra == {"drug": "morphine", "drug_class": "opioid"}


def test_a_drug_nobody_knows_is_kept_as_it_was_typed() -> None:
    fact = typed(kind="anticoagulant", display="Brand new drug", drug="xarelbane")
    assert fact.drug == "xarelbane"
    assert "drug_class" not in fact.extra
