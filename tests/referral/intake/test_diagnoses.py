"""Which diagnoses are cancer, how far it has spread, and whether they held on the day of reading."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from referral.intake import Fact, FactKind, Intake, read_bundle
from tests.support.bundles import ICD_10, RECEIVED, bundle, condition


def read(*conditions: dict[str, Any], as_of: date | None = None) -> Intake:
    return read_bundle(bundle(*conditions), as_of=as_of, received=RECEIVED)


def diagnosis(*args: Any, as_of: date | None = None, **fields: Any) -> Fact:
    (fact,) = read(condition(*args, **fields), as_of=as_of).of(FactKind.DIAGNOSIS)
    return fact


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("Malignant tumor of colon", "malignant"),
        ("Non-small cell lung cancer (disorder)", "malignant"),
        ("Multiple myeloma", "malignant"),
        ("Acute myeloid leukaemia", "malignant"),
        ("Osteosarcoma of femur", "malignant"),
        ("Adenocarcinoma of pancreas", "malignant"),
        ("Secondary malignant neoplasm of colon", "metastatic"),
        ("Metastasis from malignant tumor of prostate (disorder)", "metastatic"),
        ("Carcinoma in situ of prostate (disorder)", "in_situ"),
    ],
)
def test_a_cancer_is_recognised_by_its_words(text: str, behaviour: str) -> None:
    fact = diagnosis(text)
    assert fact.extra["cancer"] is True
    assert fact.extra["behaviour"] == behaviour


@pytest.mark.parametrize(
    ("code", "behaviour", "cancer"),
    [
        ("C25.9", "malignant", True),
        ("C79.51", "metastatic", True),
        ("D05.1", "in_situ", True),
        ("D48", "uncertain", None),
        ("Z85.3", "history", False),
    ],
)
def test_a_cancer_is_recognised_by_its_code(code: str, behaviour: str, cancer: bool | None) -> None:
    fact = diagnosis(None, (ICD_10, code))
    assert (fact.extra["behaviour"], fact.extra.get("cancer")) == (behaviour, cancer)


@pytest.mark.parametrize(
    "text",
    [
        "Polyp of colon",
        "Benign neoplasm of colon",
        "Family history of breast cancer",
        "Screening for malignant neoplasm",
        "No evidence of malignancy",
        "Malignant hyperthermia",
        "Neuroleptic malignant syndrome",
        "Fear of cancer",
        "Sarcoidosis",
        "Precancerous lesion",
        "Hypertension",
    ],
)
def test_what_is_no_cancer_is_not_taken_for_one(text: str) -> None:
    fact = diagnosis(text)
    assert fact.extra["cancer"] is False
    assert "behaviour" not in fact.extra


def test_a_neoplasm_of_unknown_behaviour_is_unknown_rather_than_benign() -> None:
    fact = diagnosis("Neoplasm of prostate")
    assert fact.extra["behaviour"] == "uncertain"
    assert "cancer" not in fact.extra


@pytest.mark.parametrize("text", ["Suspected lung cancer (situation)", "Possible metastasis in liver"])
def test_a_suspicion_is_no_diagnosis_of_cancer(text: str) -> None:
    found = read(condition(text))
    (fact,) = found.facts
    assert fact.extra["certainty"] == "suspected"
    assert fact.extra["cancer"] is False


def test_an_unconfirmed_cancer_is_suspected() -> None:
    fact = diagnosis("Colon cancer", verificationStatus={"coding": [{"code": "provisional"}]})
    assert (fact.extra["certainty"], fact.extra["cancer"]) == ("suspected", False)


def test_a_history_of_cancer_is_no_present_cancer() -> None:
    fact = diagnosis("History of breast cancer")
    assert (fact.extra["behaviour"], fact.extra["cancer"]) == ("history", False)
    assert "behaviour" not in diagnosis("History of cardiac arrest").extra


def test_pain_from_cancer_is_told_apart_from_the_cancer() -> None:
    for fact in (diagnosis("Neoplasm related pain"), diagnosis(None, (ICD_10, "G89.3"))):
        assert fact.extra["cancer_pain"] is True
        assert fact.extra["cancer"] is False


def test_a_metastasis_is_a_fact_of_its_own() -> None:
    assert len(read(condition("Bone metastasis")).of(FactKind.METASTASIS)) == 1


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("Non-small cell carcinoma of lung, TNM stage 1 (disorder)", ["1"]),
        ("Colon cancer stage IIIB", ["IIIB"]),
        ("Rectal cancer pT3 N1 M0", ["PT3N1M0"]),
        ("Extensive-stage small cell lung cancer", ["EXTENSIVE"]),
        ("Stage IV breast cancer, T4N2M1", ["IV", "T4N2M1"]),
        ("Colon cancer", []),
        ("Chronic kidney disease stage 3", []),
    ],
)
def test_a_stage_is_read_from_the_words_of_a_cancer_only(text: str, stages: list[str]) -> None:
    assert [fact.value for fact in read(condition(text)).of(FactKind.STAGE)] == stages


def test_a_stage_is_read_from_its_own_element() -> None:
    staged = condition(
        "Colon cancer", stage=[{"summary": {"text": "Stage 4"}, "type": {"text": "clinical"}}, {"assessment": []}]
    )
    found = read(staged)
    (stage,) = found.of(FactKind.STAGE)
    assert (stage.value, stage.path, stage.extra["sort"]) == ("Stage 4", "Condition.stage[0].summary", "clinical")
    assert [one.reason for one in found.not_understood] == ["stage-without-summary"]


def test_a_diagnosis_keeps_its_source_and_its_day() -> None:
    fact = diagnosis("Colon cancer", id="abc", onsetDateTime="2026-02-03T10:00:00+00:00", recordedDate="2026-02-04")
    assert (fact.source, fact.path, fact.day) == ("Condition/abc", "Condition.code", date(2026, 2, 3))
    assert fact.at == "2026-02-03T10:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "current"),
    [
        ({"status": "active"}, True),
        ({"status": "recurrence"}, True),
        ({"status": "resolved"}, False),
        ({"status": "resolved", "abatementDateTime": "2020-01-01"}, False),
        ({"status": "active", "abatementString": "last year"}, False),
        ({"clinicalStatus": {}}, None),
    ],
)
def test_whether_a_diagnosis_holds_today(fields: dict[str, Any], current: bool | None) -> None:
    assert diagnosis("Colon cancer", **fields).current is current


def test_as_of_a_day_what_ended_later_was_still_going_on() -> None:
    fields = {"status": "resolved", "onsetDateTime": "2010-01-01", "abatementDateTime": "2012-01-01"}
    then = diagnosis("Colon cancer", as_of=date(2011, 1, 1), **fields)
    assert (then.current, then.extra["clinical_status"]) == (True, "active")
    assert diagnosis("Colon cancer", as_of=date(2012, 1, 1), **fields).current is False


def test_as_of_a_day_what_ended_on_an_unknown_day_is_unknown() -> None:
    fact = diagnosis("Colon cancer", status="resolved", onsetDateTime="2010-01-01", as_of=date(2011, 1, 1))
    assert fact.current is None


def test_as_of_a_day_what_has_no_day_is_unknown() -> None:
    assert diagnosis("Colon cancer", as_of=date(2011, 1, 1)).current is None


@pytest.mark.parametrize(
    "fields", [{"onsetDateTime": "2015-01-01"}, {"onsetDateTime": "2010-01-01", "recordedDate": "2015-01-01"}]
)
def test_what_was_written_down_later_is_ignored(fields: dict[str, Any]) -> None:
    found = read(condition("Colon cancer", **fields), as_of=date(2012, 1, 1))
    assert found.facts == ()
    assert [(one.type, one.count) for one in found.ignored] == [("Condition", 1)]


def test_what_was_refuted_or_entered_in_error_is_not_used() -> None:
    for status in ("refuted", "entered-in-error"):
        found = read(condition("Colon cancer", verificationStatus={"coding": [{"code": status}]}))
        assert found.facts == ()
        assert [one.reason for one in found.not_used] == [status]


def test_a_condition_that_says_nothing_is_not_understood() -> None:
    assert [one.reason for one in read(condition(None)).not_understood] == ["no-code"]
