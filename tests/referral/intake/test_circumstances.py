"""Why a referral is made, what was done before, and what an intervention must not meet."""

from __future__ import annotations

from typing import Any

import pytest

from referral.intake import FactKind, Intake, read_bundle
from tests.support.bundles import LOINC, PATIENT, RECEIVED, bundle, concept, condition

SUBJECT = {"reference": f"Patient/{PATIENT}"}


def read(*resources: dict[str, Any]) -> Intake:
    return read_bundle(bundle(*resources), as_of=None, received=RECEIVED)


def resource(kind: str, /, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "x", "subject": SUBJECT, **more}


def test_a_request_says_why_by_words_and_by_reference() -> None:
    request = resource(
        "ServiceRequest",
        status="active",
        priority="urgent",
        reasonCode=[{"text": "Pain despite morphine"}],
        reasonReference=[{"reference": "Condition/c1"}, {"display": "Weight loss"}],
    )
    found = read(request, condition("Pancreatic cancer"))
    (fact,) = found.of(FactKind.REQUEST)
    assert fact.extra["reasons"] == ["Pain despite morphine", "Pancreatic cancer", "Weight loss"]
    assert fact.extra["priority"] == "urgent"
    assert "reason" not in [one.code for one in found.missing]


def test_a_request_of_the_past_is_no_reason_for_this_referral() -> None:
    done = resource("ServiceRequest", status="completed", reasonCode=[{"text": "Anaemia"}])
    found = read(done)
    assert found.facts == ()
    assert "reason" in [one.code for one in found.missing]


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("Combined chemotherapy and radiation therapy (procedure)", "radiotherapy"),
        ("Coeliac plexus block", "pain_intervention"),
        ("Percutaneous vertebroplasty", "pain_intervention"),
        ("Partial resection of colon", "surgery"),
    ],
)
def test_an_earlier_procedure_that_matters_is_a_fact(text: str, sort: str) -> None:
    done = resource(
        "Procedure",
        status="completed",
        code=concept(text),
        performedPeriod={"start": "2026-01-01", "end": "2026-01-02"},
    )
    (fact,) = read(done).facts
    assert fact.kind is FactKind.PROCEDURE
    assert sort in fact.extra["sorts"]  # type: ignore[operator]  # JSON values are a union; this one is a list
    assert fact.extra["until"] == "2026-01-02"


def test_a_procedure_of_no_use_is_counted() -> None:
    found = read(resource("Procedure", status="completed", code=concept("Catheter ablation of tissue of heart")))
    assert found.facts == ()
    assert [one.reason for one in found.not_used] == ["of-no-use-to-a-referral"]
    assert read(resource("Procedure", status="not-done", code=concept("Nerve block"))).facts == ()
    assert [one.reason for one in read(resource("Procedure", status="completed")).not_understood] == ["no-code"]


@pytest.mark.parametrize(
    "plan",
    [
        resource("CarePlan", status="active", category=[concept("Terminal care")], period={"start": "2026-01-01"}),
        resource("Encounter", status="finished", type=[concept("Hospice visit")]),
        resource("Procedure", status="completed", code=concept("Palliative care")),
    ],
)
def test_palliative_care_is_told(plan: dict[str, Any]) -> None:
    (fact,) = read(plan).facts
    assert fact.kind is FactKind.PALLIATIVE_CARE


def test_a_goal_with_a_target_on_a_pain_scale_is_the_personal_pain_goal() -> None:
    target = {"measure": concept(None, (LOINC, "72514-3")), "detailQuantity": {"value": 3}}
    (fact,) = read(resource("Goal", description=concept("Less pain"), target=[target])).facts
    assert (fact.kind, fact.value) == (FactKind.PAIN_GOAL, 3)


def test_a_goal_about_pain_without_a_target_is_told() -> None:
    found = read(resource("Goal", description=concept("Less pain")))
    assert [one.reason for one in found.not_understood] == ["goal-without-target"]
    assert read(resource("Goal", description=concept("HbA1c below 7"))).not_understood == ()


def test_a_prognosis_is_kept_as_a_clinician_recorded_it() -> None:
    (fact,) = read(
        resource("ClinicalImpression", status="completed", prognosisCodeableConcept=[concept("Weeks")])
    ).facts
    assert (fact.kind, fact.value) == (FactKind.PROGNOSIS, "Weeks")
    found = read(resource("ClinicalImpression", status="completed", summary="in words"))
    assert [one.reason for one in found.not_understood] == ["free-text"]


@pytest.mark.parametrize(
    ("text", "to"),
    [
        ("Allergy to lidocaine", ["local_anaesthetic", "lidocaine"]),
        ("Iodinated contrast allergy", ["contrast"]),
        ("Latex allergy", ["latex"]),
        ("Morphine", ["morphine"]),
        ("Shellfish allergy", None),
    ],
)
def test_an_allergy_is_told_with_what_it_means_for_an_intervention(text: str, to: list[str] | None) -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": SUBJECT,
        "code": concept(text),
        "clinicalStatus": {"coding": [{"code": "active"}]},
    }
    (fact,) = read(allergy).facts
    assert (fact.extra["relevant"], fact.extra.get("to"), fact.current) == (to is not None, to, True)


def test_an_allergy_may_be_told_by_its_reaction_alone_or_not_at_all() -> None:
    by_reaction = {"resourceType": "AllergyIntolerance", "reaction": [{"substance": concept("Chlorhexidine")}]}
    (fact,) = read(by_reaction).facts
    assert fact.extra["to"] == ["skin_preparation"]
    assert [one.reason for one in read({"resourceType": "AllergyIntolerance"}).not_understood] == ["no-code"]
    refuted = by_reaction | {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert read(refuted).facts == ()


def test_a_report_in_free_text_is_left_to_a_person() -> None:
    found = read(resource("DiagnosticReport", code=concept("Pathology"), conclusion="Adenocarcinoma"))
    assert [(one.type, one.reason) for one in found.not_understood] == [("DiagnosticReport", "free-text")]
    assert read(resource("DiagnosticReport", code=concept("Blood count"))).not_understood == ()
