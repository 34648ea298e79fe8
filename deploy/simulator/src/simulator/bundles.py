"""A synthetic patient as the FHIR R4 bundle that a referrer's own system would send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from simulator.patients import Medicine, Patient

NAMESPACE: Final = UUID("3f2c1c9a-7f0e-5b39-8f6e-0a7a6b6f5d10")
IDENTIFIER_SYSTEM: Final = "https://reliefpath.example/simulator"
TEST_DATA: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
"""HL7's own mark for health data of nobody."""

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
PAIN, ECOG = "pain", "ecog"
MEASURES: Final[dict[str, tuple[str, str, str]]] = {
    PAIN: ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}"),
    ECOG: ("89247-1", "ECOG performance status score", "{score}"),
    "platelets": ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL"),
    "inr": ("6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}"),
    "egfr": ("33914-3", "Glomerular filtration rate/1.73 sq M.predicted", "mL/min/{1.73_m2}"),
}

Resource = dict[str, Any]


def bundle_of(patient: Patient, run: str, today: datetime, leaving_out: Iterable[str] = ()) -> Resource:
    """The bundle. Everything is dated back from `today`; `leaving_out` names measures that the sender forgot.

    The same patient has the same bundle within a run, and another identity in the next: the past moves with the clock.
    """
    label = patient.label(run)
    subject = f"urn:uuid:{uuid5(NAMESPACE, label)}"
    resources = [
        _person(patient, label),
        *_conditions(patient, subject, today),
        *_observations(patient, subject, today, frozenset(leaving_out)),
        *_medication(patient, subject, today),
        _request(patient, subject, today),
    ]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": _instant(today, 0),
        "meta": {"tag": [TEST_DATA]},
        "entry": [_entry(label, position, resource) for position, resource in enumerate(resources)],
    }


def _entry(label: str, position: int, resource: Resource) -> Resource:
    name = uuid5(NAMESPACE, label if position == 0 else f"{label}/{position}")
    return {"fullUrl": f"urn:uuid:{name}", "resource": {**resource, "id": str(name), "meta": {"tag": [TEST_DATA]}}}


def _person(patient: Patient, label: str) -> Resource:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": label}],
        "name": [{"use": "official", "family": patient.family, "given": [patient.given]}],
        "gender": patient.sex,
        "birthDate": patient.born.isoformat(),
    }


def _conditions(patient: Patient, subject: str, today: datetime) -> Iterator[Resource]:
    cancer = {"system": "http://hl7.org/fhir/sid/icd-10", "code": patient.picture.icd10}
    yield _condition(subject, {"coding": [cancer], "text": patient.picture.diagnosis}, _instant(today, 400))
    pain = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G89.3"}]}
    yield _condition(subject, {**pain, "text": f"Cancer-related pain: {patient.picture.pain}"}, _instant(today, 90))


def _condition(subject: str, code: Resource, since: str) -> Resource:
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    verification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": verification, "code": "confirmed"}]},
        "code": code,
        "subject": {"reference": subject},
        "onsetDateTime": since,
    }


def _observations(patient: Patient, subject: str, today: datetime, without: frozenset[str]) -> Iterator[Resource]:
    laboratory = patient.laboratory
    values: list[tuple[str, int, float]] = [(PAIN, days, score) for days, score in patient.pain]
    values += [(ECOG, 7, patient.ecog), ("platelets", 5, laboratory.platelets), ("inr", 5, laboratory.inr)]
    values.append(("egfr", 5, laboratory.egfr))
    for measure, days, value in values:
        if measure not in without:
            code, display, unit = MEASURES[measure]
            yield {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display},
                "subject": {"reference": subject},
                "effectiveDateTime": _instant(today, days),
                "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
            }


def _medication(patient: Patient, subject: str, today: datetime) -> Iterator[Resource]:
    since = [(patient.opioid, 60), (patient.rescue, 60), *((one, 40) for one in patient.adjuvants)]
    if patient.antithrombotic is not None:
        since.append((patient.antithrombotic, 120))
    for medicine, days in since:
        yield _prescription(medicine, subject, _instant(today, days))


def _prescription(medicine: Medicine, subject: str, authored: str) -> Resource:
    rxnorm = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": medicine.rxnorm}
    dose = {"value": medicine.amount, "unit": medicine.unit, "system": UCUM, "code": medicine.unit}
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [rxnorm], "text": medicine.name},
        "subject": {"reference": subject},
        "authoredOn": authored,
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": medicine.times, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": dose}],
            }
        ],
    }


def _request(patient: Patient, subject: str, today: datetime) -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": "Referral to interventional pain service"},
        "subject": {"reference": subject},
        "authoredOn": _instant(today, 0),
        "reasonCode": [{"text": f"Pain in spite of opioids: {patient.picture.pain}"}],
    }


def _instant(today: datetime, days_ago: int) -> str:
    return (today - timedelta(days=days_ago)).astimezone(UTC).isoformat(timespec="seconds")
