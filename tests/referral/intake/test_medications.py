"""Which drugs, how much, and whether they were taken on the day of reading."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from referral.intake import Fact, FactKind, Intake, read_bundle
from tests.support.bundles import PATIENT, RECEIVED, bundle, concept, dosage, medication


def read(*resources: dict[str, Any], as_of: date | None = None) -> Intake:
    return read_bundle(bundle(*resources), as_of=as_of, received=RECEIVED)


def only(*resources: dict[str, Any], as_of: date | None = None) -> Fact:
    (fact,) = read(*resources, as_of=as_of).facts
    return fact


@pytest.mark.parametrize(
    ("text", "kind", "drug"),
    [
        ("Morphine Sulfate 30 MG Oral Tablet", FactKind.OPIOID, "morphine"),
        ("72 HR Fentanyl 0.025 MG/HR Transdermal System", FactKind.OPIOID, "fentanyl"),
        ("Warfarin Sodium 5 MG Oral Tablet", FactKind.ANTICOAGULANT, "warfarin"),
        ("Enoxaparin sodium 100 MG/ML Prefilled Syringe", FactKind.ANTICOAGULANT, "enoxaparin"),
        ("Clopidogrel 75 MG Oral Tablet", FactKind.ANTIPLATELET, "clopidogrel"),
        ("Aspirin 81 MG Oral Tablet", FactKind.ANTIPLATELET, "aspirin"),
        ("Naproxen sodium 220 MG Oral Tablet", FactKind.OTHER_ANALGESIC, "naproxen"),
        ("gabapentin 300 MG", FactKind.OTHER_ANALGESIC, "gabapentin"),
        ("10 ML oxaliplatin 5 MG/ML Injection", FactKind.ANTICANCER, "oxaliplatin"),
    ],
)
def test_a_drug_is_told_by_its_kind(text: str, kind: FactKind, drug: str) -> None:
    fact = only(medication(text))
    assert (fact.kind, fact.drug, fact.current) == (kind, drug, True)


def test_each_ingredient_of_a_combination_has_its_own_strength_and_amount() -> None:
    combined = medication(
        "Acetaminophen 325 MG / Oxycodone Hydrochloride 5 MG Oral Tablet",
        dosageInstruction=[dosage(1, None, 1, 6, "h")],
    )
    opioid, other = read(combined).facts
    assert (opioid.drug, opioid.value, opioid.unit) == ("oxycodone", 20, "mg/d")
    assert (other.drug, other.value, other.unit) == ("paracetamol", 1300, "mg/d")
    assert opioid.extra["strength"] == {"value": 5, "unit": "mg"}


def test_a_combination_without_strengths_has_no_amount() -> None:
    for fact in read(medication("Acetaminophen/Hydrocodone", dosageInstruction=[dosage(1, None, 1, 6, "h")])).facts:
        assert fact.value is None


def test_a_drug_taken_as_needed_has_no_amount_a_day_but_keeps_what_was_written() -> None:
    fact = only(medication("Morphine 10 MG", dosageInstruction=[dosage(1, None, 4, 1, "d", asNeededBoolean=True)]))
    assert (fact.value, fact.unit) == (None, None)
    assert fact.extra["as_needed"] is True
    assert fact.extra["times_per_day"] == 4


def test_a_medication_is_found_by_reference_inside_and_beside() -> None:
    drug = {"resourceType": "Medication", "id": "drug", "code": concept("Apixaban 5 MG")}
    beside = medication("", medicationReference={"reference": "Medication/drug"})
    inside = beside | {"contained": [drug], "medicationReference": {"reference": "#drug"}}
    assert only(beside, drug).drug == "apixaban"
    assert only(inside).drug == "apixaban"
    named = medication("", medicationReference={"reference": "Medication/elsewhere", "display": "Apixaban"})
    assert only(named).drug == "apixaban"


def test_the_ingredients_of_a_medication_are_read_with_their_strengths() -> None:
    ingredient = {
        "itemCodeableConcept": concept("Hydromorphone"),
        "strength": {"numerator": {"value": 4, "unit": "mg"}, "denominator": {"value": 1}},
    }
    drug = {"resourceType": "Medication", "id": "drug", "code": concept("Brand"), "ingredient": [ingredient]}
    order = medication(
        "", medicationReference={"reference": "Medication/drug"}, dosageInstruction=[dosage(1, None, 2, 1, "d")]
    )
    fact = only(order, drug)
    assert (fact.drug, fact.value) == ("hydromorphone", 8)


@pytest.mark.parametrize("type", ["MedicationStatement", "MedicationDispense"])
def test_statements_and_dispenses_are_read_too(type: str) -> None:
    said = {
        "resourceType": type,
        "id": "s",
        "status": "active",
        "medicationCodeableConcept": concept("Rivaroxaban 20 MG"),
    }
    assert only(said | {"effectivePeriod": {"start": "2026-10-01"}}).drug == "rivaroxaban"


def test_a_dose_given_once_is_taken_only_on_its_day() -> None:
    given = {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": concept("Enoxaparin"),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": "2026-11-23T08:00:00Z",
    }
    assert only(given).current is True
    assert only(given | {"effectiveDateTime": "2026-11-22"}).current is False


@pytest.mark.parametrize(
    ("status", "more", "as_of", "current"),
    [
        ("active", {}, None, True),
        ("active", {}, date(2026, 11, 10), True),
        ("stopped", {}, None, False),
        ("stopped", {}, date(2026, 11, 10), None),
        ("completed", {"dispenseRequest": {"validityPeriod": {"end": "2026-11-20"}}}, date(2026, 11, 10), True),
        ("active", {"dispenseRequest": {"validityPeriod": {"end": "2026-11-05"}}}, date(2026, 11, 10), False),
        ("on-hold", {}, None, None),
        ("unknown", {}, None, None),
    ],
)
def test_whether_a_drug_is_taken(status: str, more: dict[str, Any], as_of: date | None, current: bool | None) -> None:
    assert only(medication("Warfarin 5 MG", status=status, **more), as_of=as_of).current is current


def test_as_of_a_day_an_order_without_a_day_may_or_may_not_have_run() -> None:
    assert only(medication("Warfarin 5 MG", at=None), as_of=date(2026, 11, 10)).current is None


def test_what_may_still_be_taken_is_listed_for_the_scheduler() -> None:
    found = read(
        medication("Warfarin 5 MG", id="a"),
        medication("Clopidogrel 75 MG", id="b", status="on-hold"),
        medication("Aspirin 81 MG", id="c", status="stopped"),
        medication("Naproxen 220 MG", id="d"),
    )
    assert found.antithrombotics == ("clopidogrel", "warfarin")
    assert found.drugs == ("clopidogrel", "naproxen", "warfarin")


def test_an_order_of_the_future_is_ignored_as_of_a_day() -> None:
    found = read(medication("Warfarin 5 MG", at="2026-11-12"), as_of=date(2026, 11, 10))
    assert found.facts == ()
    assert [one.type for one in found.ignored] == ["MedicationRequest"]


@pytest.mark.parametrize(
    "more", [{"status": "entered-in-error"}, {"status": "draft"}, {"intent": "proposal"}, {"doNotPerform": True}]
)
def test_what_was_never_taken_is_not_used(more: dict[str, Any]) -> None:
    found = read(medication("Warfarin 5 MG") | more)
    assert found.facts == ()
    assert len(found.not_used) == 1


def test_a_drug_that_is_not_recognised_is_told_once_with_its_count() -> None:
    found = read(*(medication("Simvistatin 10 MG", id=f"m{number}") for number in range(5)))
    (unknown,) = found.not_understood
    assert (unknown.reason, unknown.text, unknown.count) == ("drug-unknown", "Simvistatin 10 MG", 5)
    assert unknown.examples == tuple(f"MedicationRequest/m{number}" for number in range(unknown.count))
    assert "drugs-unrecognised" in [one.code for one in found.missing]


def test_a_known_drug_of_no_use_is_told_apart_from_an_unknown_one() -> None:
    found = read(medication("Metoprolol 100 MG"))
    assert found.not_understood == ()
    assert [one.text for one in found.not_used] == ["Metoprolol 100 MG"]


def test_a_medication_without_a_name_is_not_understood() -> None:
    assert [one.reason for one in read(medication("")).not_understood] == ["no-medication"]
