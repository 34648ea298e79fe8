"""What else a referral wants to know: why it is made, earlier procedures, palliative care, prognosis, allergies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from referral.intake.bundle import Resource
from referral.intake.elements import Concept, child, children, code_of, concept, concepts, number, quantity, text
from referral.intake.facts import Fact, FactKind
from referral.intake.lexicon import matches
from referral.intake.moments import moment
from referral.intake.reading import VOID, Reading, fact, status

NOT_DONE: Final = VOID | {"not-done"}
PAST: Final = VOID | {"revoked", "completed"}
PAIN: Final = "pain_score"


def read_request(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """What is asked for and why, as long as it is still asked for. extra: priority, status, reasons."""
    body = resource.body
    named = concept(body.get("code"))
    if status(body) in PAST:
        reading.remainder.not_used(resource.type, str(status(body)), named)
        return
    reasons = [reason.label or reason.first.code for reason in concepts(body, "reasonCode")]
    for pointed in children(body, "reasonReference"):
        held = reading.contents.resolve(pointed, resource)
        reasons.append(concept(held.body.get("code")).label if held else text(pointed.get("display")))
    said: list[JsonValue] = [reason for reason in reasons if reason]
    extra: dict[str, JsonValue] = {
        "priority": text(body.get("priority")),
        "status": status(body),
        "reasons": said or None,
    }
    yield fact(FactKind.REQUEST, resource, "ServiceRequest", named, extra=extra)


def read_procedure(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """An earlier procedure that a pain team wants to know of. extra: sort, status, until."""
    body = resource.body
    named = concept(body.get("code"))
    if status(body) in NOT_DONE:
        reading.remainder.not_used(resource.type, str(status(body)), named)
        return
    if not named:
        reading.remainder.not_understood(resource, "no-code")
        return
    sorts: list[JsonValue] = list(matches(reading.lexicon.procedures, named.labels))
    if not sorts:
        yield from _palliative(resource, reading, (named,), "Procedure.code")
        return
    until = moment(child(body, "performedPeriod").get("end"))
    extra: dict[str, JsonValue] = {"sorts": sorts, "status": status(body), "until": until.written if until else None}
    yield fact(FactKind.PROCEDURE, resource, "Procedure.code", named, extra=extra)


def read_plan(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """A care plan or encounter that shows palliative care."""
    names = (
        *concepts(resource.body, "category"),
        *concepts(resource.body, "type"),
        *concepts(resource.body, "serviceType"),
        concept(text(resource.body.get("title"))),
    )
    path = f"{resource.type}.{'category' if resource.type == 'CarePlan' else 'type'}"
    yield from _palliative(resource, reading, tuple(name for name in names if name), path)


def read_goal(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """A personal pain goal, when a goal has a target on a pain scale."""
    body = resource.body
    for position, target in enumerate(children(body, "target")):
        measure = reading.lexicon.measure(concept(target.get("measure")))
        wanted = number(target.get("detailInteger"))
        if wanted is None:
            wanted = quantity(target.get("detailQuantity") or child(target, "detailRange").get("high")).value
        if measure is not None and measure.fact == PAIN and wanted is not None and 0 <= wanted <= 10:
            path = f"Goal.target[{position}]"
            named = concept(target.get("measure"))
            yield fact(FactKind.PAIN_GOAL, resource, path, named, value=wanted, unit=measure.unit)
            return
    described = concept(body.get("description"))
    if reading.lexicon.hints_at_a_measure(described):
        reading.remainder.not_understood(resource, "goal-without-target", described)
    else:
        reading.remainder.not_used(resource.type, "of-no-use-to-a-referral", described)


def read_impression(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """A prognosis as a clinician recorded it."""
    found = concepts(resource.body, "prognosisCodeableConcept")
    if status(resource.body) in VOID or not found:
        reading.remainder.not_understood(resource, "free-text")
        return
    for position, named in enumerate(found):
        path = f"ClinicalImpression.prognosisCodeableConcept[{position}]"
        yield fact(FactKind.PROGNOSIS, resource, path, named, value=named.label or named.first.code)


def read_allergy(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """An allergy. extra: relevant (whether it is to something an intervention uses), to, criticality, certainty."""
    body = resource.body
    named = concept(body.get("code"))
    substances = [concept(one.get("substance")) for one in children(body, "reaction")]
    if code_of(body, "verificationStatus") in ("entered-in-error", "refuted"):
        reading.remainder.not_used(resource.type, str(code_of(body, "verificationStatus")), named)
        return
    called = named or next((one for one in substances if one), Concept())
    if not called:
        reading.remainder.not_understood(resource, "no-code")
        return
    labels = tuple(label for one in (named, *substances) for label in one.labels)
    to: list[JsonValue] = list(matches(reading.lexicon.allergens, labels))
    drugs = [drug for one in (named, *substances) for drug in reading.lexicon.drugs(one)]
    to += [drug.medicine.code for drug in drugs if drug.medicines.fact is not None]
    extra: dict[str, JsonValue] = {
        "relevant": bool(to),
        "to": to or None,
        "criticality": text(body.get("criticality")),
        "certainty": code_of(body, "verificationStatus"),
    }
    state = code_of(body, "clinicalStatus")
    current = {"active": True, "inactive": False, "resolved": False}.get(state or "")
    yield fact(FactKind.ALLERGY, resource, "AllergyIntolerance.code", called, current=current, extra=extra)


def read_report(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """Nothing: its results are read as observations. A conclusion in free text is left to a person."""
    named = concept(resource.body.get("code"))
    if text(resource.body.get("conclusion")) or concepts(resource.body, "conclusionCode"):
        reading.remainder.not_understood(resource, "free-text", named)
    else:
        reading.remainder.not_used(resource.type, "results-are-read-as-observations", named)
    yield from ()


def _palliative(resource: Resource, reading: Reading, names: tuple[Concept, ...], path: str) -> Iterator[Fact]:
    for named in names:
        if any(matches(reading.lexicon.palliative, named.labels)):
            yield fact(FactKind.PALLIATIVE_CARE, resource, path, named, extra={"status": status(resource.body)})
            return
    reading.remainder.not_used(resource.type, "of-no-use-to-a-referral", names[0] if names else None)
