"""Measurements, in whichever form and unit they come."""

from __future__ import annotations

from typing import Any

import pytest

from referral.intake import Fact, FactKind, Intake, read_bundle
from tests.support.bundles import LOINC, RECEIVED, bundle, concept, observation, pain


def read(*resources: dict[str, Any]) -> Intake:
    return read_bundle(bundle(*resources), as_of=None, received=RECEIVED)


def only(*resources: dict[str, Any]) -> Fact:
    (fact,) = read(*resources).facts
    return fact


@pytest.mark.parametrize("unit", ["10*3/uL", "10^3/µL", "K/uL", "10*9/L", "x10^9/L", "G/L", "Thousand/uL"])
def test_a_platelet_count_is_kept_in_one_unit(unit: str) -> None:
    fact = only(observation("777-3", 180, unit))
    assert (fact.kind, fact.value, fact.unit) == (FactKind.PLATELETS, 180, "10*9/L")


def test_what_was_written_is_kept_beside_what_it_was_turned_into() -> None:
    fact = only(observation("777-3", 180_000, "/uL"))
    assert fact.value == 180
    assert fact.extra["written"] == {"value": 180_000, "unit": "/uL"}
    creatinine = only(observation("2160-0", 100, "umol/L"))
    assert creatinine.value == pytest.approx(1.131)
    assert creatinine.unit == "mg/dL"


@pytest.mark.parametrize("unit", [None, "mmol/L", "furlong"])
def test_a_count_in_an_unknown_unit_is_not_understood_and_still_missing(unit: str | None) -> None:
    found = read(observation("777-3", 180, unit))
    assert found.facts == ()
    assert [one.reason for one in found.not_understood] == ["unit-unknown"]
    assert "platelets" in [one.code for one in found.missing]


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ({"valueQuantity": {"value": 7, "unit": "{score}"}}, 7),
        ({"valueQuantity": {"value": 7}}, 7),
        ({"valueQuantity": {"value": 70, "unit": "mm"}}, 7),
        ({"valueInteger": 7}, 7),
        ({"valueString": "7/10"}, 7),
        ({"valueString": "pain 7"}, 7),
        ({"valueCodeableConcept": {"text": "7"}}, 7),
    ],
)
def test_a_pain_score_is_read_in_any_form(value: dict[str, Any], score: float) -> None:
    assert only(observation("72514-3", None, **value)).value == score


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"valueString": "severe"},
        {"valueString": "-5"},
        {"valueString": "<5"},
        {"valueString": "between 5 and 7"},
        {"valueRange": {"low": {"value": 5}, "high": {"value": 7}}},
        {"valueQuantity": {"value": 12}},
        {"valueQuantity": {"value": -1}},
        {"dataAbsentReason": {"text": "asleep"}},
    ],
)
def test_a_pain_score_that_is_none_is_not_understood(value: dict[str, Any]) -> None:
    found = read(observation("72514-3", None, **value))
    assert found.facts == ()
    assert len(found.not_understood) == 1


def test_a_fraction_of_a_score_is_kept_beside_the_nearest_whole_one() -> None:
    fact = only(pain(7.5, "2026-11-20"))
    assert (fact.value, fact.extra["whole"]) == (7.5, 8)
    assert "whole" not in only(pain(7, "2026-11-20")).extra


def test_a_comparator_is_kept() -> None:
    fact = only(observation("777-3", None, valueQuantity={"value": 20, "unit": "10*9/L", "comparator": "<"}))
    assert (fact.value, fact.extra["comparator"]) == (20, "<")


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ({"valueInteger": 3}, 3),
        ({"valueCodeableConcept": {"coding": [{"code": "LA9624-3"}]}}, 2),
        ({"valueString": "ECOG 1"}, 1),
    ],
)
def test_function_is_read_as_a_number_a_coded_answer_or_words(value: dict[str, Any], score: int) -> None:
    assert only(observation("89247-1", None, **value)).value == score


def test_function_on_other_scales_is_kept_apart() -> None:
    assert only(observation("89243-0", 80, "%")).kind is FactKind.KPS
    assert only(observation(None, 60, "%", code=concept("AKPS"))).kind is FactKind.AKPS


def test_stage_and_prognosis_are_kept_as_written() -> None:
    stage = only(observation("21908-9", None, valueCodeableConcept={"text": "Stage 3B"}))
    assert (stage.kind, stage.value) == (FactKind.STAGE, "Stage 3B")
    prognosis = only(observation(None, None, code=concept("Prognosis"), valueQuantity={"value": 3, "unit": "mo"}))
    assert (prognosis.kind, prognosis.value) == (FactKind.PROGNOSIS, "3 mo")
    assert [one.reason for one in read(observation("21908-9", None)).not_understood] == ["no-value"]


def test_components_of_a_panel_are_read_one_by_one() -> None:
    panel = observation(
        "58410-2",
        None,
        component=[
            {"code": concept(None, (LOINC, "777-3")), "valueQuantity": {"value": 90, "unit": "10*9/L"}},
            {"code": concept(None, (LOINC, "718-7")), "valueQuantity": {"value": 10, "unit": "g/dL"}},
        ],
    )
    fact = only(panel)
    assert (fact.value, fact.path) == (90, "Observation.component[0]")


def test_results_contained_in_a_report_are_read() -> None:
    held = observation("6301-6", 2.4, None, id="inr", at=None)
    del held["subject"]
    report = {"resourceType": "DiagnosticReport", "id": "r", "effectiveDateTime": "2026-11-20", "contained": [held]}
    fact = only(report)
    assert (fact.kind, fact.value, fact.source) == (FactKind.INR, 2.4, "DiagnosticReport/r#inr")


def test_what_was_entered_in_error_is_not_used() -> None:
    found = read(pain(7, "2026-11-20") | {"status": "entered-in-error"})
    assert found.facts == ()
    assert [one.reason for one in found.not_used] == ["entered-in-error"]


def test_a_measurement_of_no_use_is_counted_and_one_that_sounds_needed_is_told() -> None:
    found = read(
        observation("8302-2", 170, "cm", id="a"),
        observation("8302-2", 171, "cm", id="b"),
        observation("77565-0", 5, "{score}", id="c", code=concept("Pain interference", (LOINC, "77565-0"))),
    )
    assert [(one.code, one.count) for one in found.not_used] == [("8302-2", 2)]
    assert [(one.code, one.reason) for one in found.not_understood] == [("77565-0", "measure-unknown")]


def test_a_measurement_without_a_code_is_not_understood() -> None:
    assert [one.reason for one in read(observation(None, 7)).not_understood] == ["no-code"]


def test_pain_is_listed_over_time() -> None:
    found = read(pain(8, "2026-11-21"), pain(6, "2026-11-01"), pain(7, "2026-11-11"))
    assert [fact.value for fact in found.of(FactKind.PAIN_SCORE)] == [6, 7, 8]
    latest = found.latest(FactKind.PAIN_SCORE)
    assert latest is not None
    assert latest.value == 8


def test_a_result_of_the_future_is_an_error_in_the_record() -> None:
    found = read(pain(8, "2027-01-01"))
    assert found.facts == ()
    assert [one.reason for one in found.not_understood] == ["dated-in-the-future"]
