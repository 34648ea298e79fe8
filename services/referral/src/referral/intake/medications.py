"""Medications: which drugs, how much, and whether they were taken on the day of reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from referral.intake.bundle import Resource
from referral.intake.doses import Strength, daily_amount, dosing, strength_in
from referral.intake.elements import Body, Concept, child, children, concept, number, text, words
from referral.intake.facts import Fact, FactKind
from referral.intake.lexicon import Drug
from referral.intake.moments import Moment, moment, moments
from referral.intake.reading import VOID, Reading, fact, status

TAKEN: Final = frozenset({"active", "in-progress", "intended"})
ENDED: Final = frozenset({"stopped", "completed", "ended"})
NEVER: Final = frozenset({"draft", "not-taken", "declined", "not-done"})
PROPOSED: Final = frozenset({"proposal", "plan", "option"})
ONCE: Final = "MedicationAdministration"
PART: Final = re.compile(r"\s+/\s+|/(?=[^\W\d]{3,})(?!actuat|hour)|;|\+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Medication:
    """What is taken: its names, and its ingredients when they are told apart."""

    named: Concept
    parts: tuple[tuple[Concept, Strength | None], ...] = ()


def read_medication(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """One fact for each recognised ingredient that is of use to a referral.

    value, unit: the amount a day (mg/d; ug/h for a patch), when dose, strength and timing are all written and it is not
    taken only as needed; else None, never zero. extra: drug, drug_class, status, strength, dose, times_per_day,
    as_needed, route, instruction, ends. A drug that is not in the records is reported as not understood.
    """
    body = resource.body
    state = status(body)
    if state is not None and state in VOID | NEVER:
        reading.remainder.not_used(resource.type, state)
        return
    if body.get("doNotPerform") is True or text(body.get("intent")) in PROPOSED:
        reading.remainder.not_used(resource.type, "not-an-order")
        return
    taken = _medication(resource, reading)
    if not taken.named and not taken.parts:
        reading.remainder.not_understood(resource, "no-medication")
        return
    drugs = _drugs(taken, reading)
    if not drugs:
        reading.remainder.not_understood(resource, "drug-unknown", taken.named)
        return
    instruction = dosing(body)
    current, ends = _current(resource, reading)
    for drug, strength in drugs:
        if drug.medicines.fact is None:
            continue
        extra: dict[str, JsonValue] = {
            "drug": drug.medicine.code,
            "drug_class": drug.medicines.drug_class,
            "status": state,
            "strength": {"value": strength.value, "unit": strength.unit} if strength else None,
            "ends": ends,
            **instruction.shown(),
        }
        amount, unit = daily_amount(instruction, strength)
        kind = FactKind(drug.medicines.fact)
        path = f"{resource.type}.medication"
        yield fact(kind, resource, path, taken.named, value=amount, unit=unit, current=current, extra=extra)
    if all(drug.medicines.fact is None for drug, _ in drugs):
        reading.remainder.not_used(resource.type, "of-no-use-to-a-referral", taken.named)


def _medication(resource: Resource, reading: Reading) -> Medication:
    named = concept(resource.body.get("medicationCodeableConcept") or resource.body.get("medication"))
    pointed = resource.body.get("medicationReference")
    held = reading.contents.resolve(pointed, resource)
    if held is None:
        return Medication(named or concept(child(resource.body, "medicationReference").get("display")))
    parts = []
    for ingredient in children(held.body, "ingredient"):
        strength = child(ingredient, "strength", "numerator")
        amount, unit = number(strength.get("value")), text(strength.get("code")) or text(strength.get("unit"))
        said = Strength(amount, unit.casefold()) if amount is not None and unit else None
        parts.append((concept(ingredient.get("itemCodeableConcept")), said))
    return Medication(named or concept(held.body.get("code")), tuple(parts))


def _drugs(taken: Medication, reading: Reading) -> list[tuple[Drug, Strength | None]]:
    found = {}
    for named, strength in taken.parts:
        for drug in reading.lexicon.drugs(named):
            found[drug.medicine.code] = (drug, strength)
    for drug in reading.lexicon.drugs(taken.named):
        found.setdefault(drug.medicine.code, (drug, _strength_of(drug, taken.named)))
    return [found[code] for code in sorted(found)]


def _strength_of(drug: Drug, named: Concept) -> Strength | None:
    """The strength written in the same part of a name as the ingredient itself."""
    spellings = [words(name) for name in drug.medicine.names]
    for label in named.labels:
        parts = PART.split(label)
        mine = [part for part in parts if any(spelling in part for spelling in spellings)] or parts[: len(parts) == 1]
        for part in mine:
            strength = strength_in(part)
            if strength is not None:
                return strength
    return None


def _current(resource: Resource, reading: Reading) -> tuple[bool | None, str | None]:
    """Whether it was taken on the day of reading, and when it ends, if that is written.

    An order that was stopped on a day nobody wrote down may still have run on an earlier day: unknown.
    """
    body, state = resource.body, status(resource.body)
    if resource.type == ONCE:
        given = next(moments(body, resource.type), None)
        return (given is not None and given.day == reading.day and state not in VOID), None
    end = _end(body)
    ends = end.written if end else None
    if end is not None and end.day < reading.day:
        return False, ends
    if state in TAKEN:
        undated = reading.as_of and next(moments(body, resource.type), None) is None
        return (None if undated else True), ends
    if state in ENDED:
        if not reading.as_of:
            return False, ends
        return (True if end is not None else None), ends
    return None, ends


def _end(body: Body) -> Moment | None:
    written = [
        child(body, "effectivePeriod").get("end"),
        child(body, "dispenseRequest", "validityPeriod").get("end"),
        *(child(one, "timing", "repeat", "boundsPeriod").get("end") for one in children(body, "dosageInstruction")),
        *(child(one, "timing", "repeat", "boundsPeriod").get("end") for one in children(body, "dosage")),
    ]
    ends = [found for found in map(moment, written) if found is not None]
    return max(ends, key=lambda found: found.order) if ends else None
