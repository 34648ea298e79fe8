"""Small synthetic FHIR R4 bundles: just enough of each resource, with nobody's data in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

Resource = dict[str, Any]

RECEIVED: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""When the bundles of the tests arrive."""

PATIENT: Final = "11111111-1111-4111-8111-111111111111"

LOINC: Final = "http://loinc.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"


def bundle(*resources: Resource, kind: str = "collection", with_patient: bool = True) -> Resource:
    """A bundle of these resources, each with a full URL when it has an id; with a patient unless told not to."""
    everything = (patient(), *resources) if with_patient else resources
    entries = [
        {"fullUrl": f"urn:uuid:{one['id']}", "resource": one} if "id" in one else {"resource": one}
        for one in everything
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def raw(given: Resource) -> bytes:
    """A bundle as it travels."""
    return json.dumps(given).encode()


def patient(**more: Any) -> Resource:
    """A woman born in 1950."""
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "name": [{"use": "official", "family": "Doe", "given": ["Jane", "Q"]}],
        "gender": "female",
        "birthDate": "1950-03-04",
        **more,
    }


def concept(text: str | None, *codes: tuple[str, str]) -> Resource:
    """A CodeableConcept of these (system, code) pairs and words."""
    coding = [{"system": system, "code": code} for system, code in codes]
    return {**({"coding": coding} if coding else {}), **({"text": text} if text else {})}


def condition(
    text: str | None, *codes: tuple[str, str], id: str = "c1", status: str = "active", **more: Any
) -> Resource:
    """A confirmed diagnosis."""
    return {
        "resourceType": "Condition",
        "id": id,
        "clinicalStatus": {"coding": [{"code": status}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": concept(text, *codes),
        "subject": {"reference": f"urn:uuid:{PATIENT}"},
        **more,
    }


def observation(
    loinc: str | None,
    value: object,
    unit: str | None = None,
    *,
    id: str = "o1",
    at: str | None = "2026-11-20",
    **more: Any,
) -> Resource:
    """A measurement: a number with a unit, unless `more` says what else its value is."""
    quantity = {"value": value, **({"unit": unit} if unit else {})}
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": concept(None, (LOINC, loinc)) if loinc else {},
        "subject": {"reference": f"Patient/{PATIENT}"},
        **({"effectiveDateTime": at} if at else {}),
        **({"valueQuantity": quantity} if value is not None else {}),
        **more,
    }


def pain(score: float, at: str, *, id: str | None = None) -> Resource:
    """A pain score on a day."""
    return observation("72514-3", score, "{score}", id=id or f"pain-{at}", at=at)


def medication(
    text: str, *, id: str = "m1", status: str = "active", at: str | None = "2026-11-01", **more: Any
) -> Resource:
    """An order for a drug."""
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": concept(text),
        "subject": {"reference": f"urn:uuid:{PATIENT}"},
        **({"authoredOn": at} if at else {}),
        **more,
    }


def dosage(amount: float | None, unit: str | None, times: int, period: float, per: str, **more: Any) -> Resource:
    """A dosage instruction: so much, so many times in so long."""
    dose = {"value": amount, **({"unit": unit} if unit else {})}
    return {
        "timing": {"repeat": {"frequency": times, "period": period, "periodUnit": per}},
        **({"doseAndRate": [{"doseQuantity": dose}]} if amount is not None else {}),
        **more,
    }


def complete() -> Resource:
    """A bundle that lacks nothing but a reason and a prognosis."""
    return bundle(
        condition("Carcinoma of pancreas, stage IV", (ICD_10, "C25.9"), id="c1", onsetDateTime="2026-01-10"),
        pain(7, "2026-11-15"),
        pain(8, "2026-11-21"),
        medication(
            "Morphine Sulfate 30 MG Extended Release Oral Tablet",
            dosageInstruction=[dosage(1, None, 2, 1, "d", asNeededBoolean=False)],
        ),
        observation("89247-1", None, id="ecog", valueInteger=2),
        observation("777-3", 180, "10*3/uL", id="platelets"),
        observation("33914-3", 72, "mL/min/{1.73_m2}", id="egfr"),
    )
