"""Intake: any FHIR R4 bundle, read into facts with their sources. Pure: no clock, no network, no database.

`read_bundle` is the whole of it. What cannot be read is told, never dropped and never guessed; what is unknown is
incomplete, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from referral.intake.bundle import (
    Reason,
    Resource,
    TooLarge,
    UnreadableBundle,
    fingerprint,
    gunzip_bounded,
    parse,
    unpack,
)
from referral.intake.circumstances import (
    read_allergy,
    read_goal,
    read_impression,
    read_plan,
    read_procedure,
    read_report,
    read_request,
)
from referral.intake.completeness import missing, refusals
from referral.intake.diagnoses import read_condition
from referral.intake.facts import (
    ANTITHROMBOTICS,
    Deceased,
    Fact,
    FactKind,
    Identifier,
    Identity,
    Ignored,
    Intake,
    NotUnderstood,
    NotUsed,
    Patient,
)
from referral.intake.lexicon import lexicon
from referral.intake.measures import read_observation
from referral.intake.medications import read_medication
from referral.intake.person import find_death, identifier_values, names_of_patient, read_patient, the_patient
from referral.intake.reading import Reader, Reading
from reliefpath.rulebook import Rulebook

READERS: Final[Mapping[str, Reader]] = {
    "Condition": read_condition,
    "Observation": read_observation,
    "MedicationRequest": read_medication,
    "MedicationStatement": read_medication,
    "MedicationDispense": read_medication,
    "MedicationAdministration": read_medication,
    "ServiceRequest": read_request,
    "Procedure": read_procedure,
    "CarePlan": read_plan,
    "Encounter": read_plan,
    "Goal": read_goal,
    "ClinicalImpression": read_impression,
    "AllergyIntolerance": read_allergy,
    "DiagnosticReport": read_report,
}
"""Who reads which type of resource. A new type is a reader and a line here."""

UNUSED: Final = frozenset(
    {
        *("Account", "Appointment", "AppointmentResponse", "AuditEvent", "Basic", "CareTeam", "Claim", "ClaimResponse"),
        *("Communication", "CommunicationRequest", "Coverage", "Endpoint", "EpisodeOfCare", "ExplanationOfBenefit"),
        *("FamilyMemberHistory", "Group", "HealthcareService", "ImagingStudy", "Immunization", "Invoice", "List"),
        *("Location", "Medication", "MessageHeader", "OperationOutcome", "Organization", "OrganizationAffiliation"),
        *("Parameters", "Patient", "Practitioner", "PractitionerRole", "Provenance", "Questionnaire", "RelatedPerson"),
        *("Schedule", "Slot", "Specimen", "Substance", "SupplyDelivery", "Task"),
    }
)
"""Types that are understood and that a referral has no use for. Every other type a person has to look at."""

__all__ = [
    "read_bundle",
    "Intake",
    "Fact",
    "FactKind",
    "Patient",
    "Identity",
    "Identifier",
    "Deceased",
    "NotUnderstood",
    "NotUsed",
    "Ignored",
    "ANTITHROMBOTICS",
    "UnreadableBundle",
    "Reason",
    "gunzip_bounded",
    "TooLarge",
    "READERS",
    "UNUSED",
]


def read_bundle(
    raw: bytes | dict[str, Any],
    *,
    as_of: date | None,
    received: datetime,
    reason: str | None = None,
    rulebook: Rulebook | None = None,
) -> Intake:
    """Everything a referral can use in a FHIR R4 bundle of any type.

    as_of: read the record as it stood at the end of this day; None reads it as it stands. received: when it came, the
    day of reading when there is no `as_of`. reason: what the referrer gives as the reason beside the bundle, if any.

    Raises UnreadableBundle, with every reason, and nothing else. A person who has died is read like anybody else, and
    told in `refusals`.
    """
    bundle = parse(raw)
    print_ = fingerprint(bundle)
    contents = unpack(bundle)
    person = the_patient(contents)
    book = rulebook or Rulebook.load()
    day = as_of or received.date()
    reading = Reading(
        contents=contents,
        lexicon=lexicon(book),
        day=day,
        as_of=as_of is not None,
        names=names_of_patient(person),
        identifiers=identifier_values(person),
    )
    patient = read_patient(person, find_death(person, reading))
    found = [fact for resource in contents.resources if resource is not person for fact in _read(resource, reading)]
    _note_the_odd(reading)
    facts = tuple(sorted(found, key=_order))
    unknown = reading.remainder.all_not_understood()
    return Intake(
        fingerprint=print_,
        bundle=contents.kind,
        resources=len(contents.resources),
        received=received,
        as_of=as_of,
        day=day,
        patient=patient,
        facts=facts,
        not_understood=unknown,
        not_used=reading.remainder.all_not_used(),
        ignored=reading.remainder.all_ignored(),
        missing=missing(facts, unknown, day, book, reason=bool(reason and reason.strip())),
        refusals=tuple(refusals(patient, day)),
    )


def _read(resource: Resource, reading: Reading) -> list[Fact]:
    reader, container = READERS.get(resource.type), resource.container
    if container is not None and container.type in UNUSED:
        reading.remainder.not_used(resource.type, f"part-of-{container.type}")
        return []
    if (reading.as_of or resource.type not in UNUSED) and reading.is_later(resource):
        return []
    if resource.type in UNUSED:
        reading.remainder.not_used(resource.type, "of-no-use-to-a-referral")
        return []
    if reader is None:
        reading.remainder.not_understood(resource, "type-not-read")
        return []
    if "modifierExtension" in resource.body or "implicitRules" in resource.body:
        reading.remainder.not_understood(resource, "meaning-modified")  # FHIR forbids reading on without knowing how
        return []
    if not reading.is_about_the_patient(resource):
        reading.remainder.not_understood(resource, "about-somebody-else")
        return []
    return list(reader(resource, reading))


def _note_the_odd(reading: Reading) -> None:
    for reason in reading.contents.odd:
        reading.remainder.not_used("Bundle", reason)
    for resource in reading.contents.superseded:
        reading.remainder.not_used(resource.type, "older-version-or-copy")


def _order(fact: Fact) -> tuple[int, str, str, str, str, str]:
    kinds = list(FactKind)
    day = fact.day.isoformat() if fact.day else ""
    return kinds.index(fact.kind), day, fact.at or "", fact.source, fact.path, fact.drug or str(fact.value)
