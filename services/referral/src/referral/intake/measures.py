"""Measurements: pain over time, function, counts, clotting, kidneys, stage and prognosis."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from referral.intake.bundle import Resource
from referral.intake.elements import Body, Concept, children, concept, number, quantity, text, words
from referral.intake.facts import Fact, FactKind
from referral.intake.person import DEATH
from referral.intake.reading import VOID, Reading, fact, status
from reliefpath.record import Measure

ONLY_NUMBER: Final = re.compile(r"[^\d<>~-]{0,20}?(\d{1,5}(?:[.,]\d{1,5})?)\s*(?:%|/\s*10\b)?\D*\Z")


def read_observation(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """The measurement itself and each of its components, as far as a referral has a use for them.

    value, unit: in the unit of the measure's record. extra: measure (the record's ref), status, comparator, written
    (when the unit was turned), whole (the integer nearest to a score that is not one).
    """
    body = resource.body
    named = concept(body.get("code"))
    if status(body) in VOID:
        reading.remainder.not_used(resource.type, str(status(body)), named)
        return
    if not named:
        reading.remainder.not_understood(resource, "no-code")
        return
    parts = [(body, "Observation", named)]
    parts += [
        (part, f"Observation.component[{position}]", concept(part.get("code")))
        for position, part in enumerate(children(body, "component"))
    ]
    recognised = False
    for part, path, called in parts:
        measure = reading.lexicon.measure(called)
        if measure is not None:
            recognised = True
            yield from _read(resource, reading, part, path, called, measure)
    if not recognised:
        _leave(resource, reading, named, [called for _, _, called in parts])


def _leave(resource: Resource, reading: Reading, named: Concept, called: list[Concept]) -> None:
    if any(reading.lexicon.hints_at_a_measure(one) for one in called):
        reading.remainder.not_understood(resource, "measure-unknown", named)
    else:
        reading.remainder.not_used(resource.type, "of-no-use-to-a-referral", named)


def _read(
    resource: Resource, reading: Reading, part: Body, path: str, named: Concept, measure: Measure
) -> Iterator[Fact]:
    if measure.fact == DEATH:
        reading.remainder.not_used(resource.type, "read-as-the-patient's-death", named)
        return
    kind = FactKind(measure.fact)
    extra: dict[str, JsonValue] = {"measure": measure.ref, "status": status(resource.body)}
    if measure.as_text:
        said = _said(part)
        if said is None:
            reading.remainder.not_understood(resource, "no-value", named)
        else:
            yield fact(kind, resource, path, named, value=said, extra=extra)
        return
    value, unit, comparator = _amount(part, measure)
    if value is None:
        if not children(part, "component") or "valueQuantity" in part:  # a panel's values are its components'
            reading.remainder.not_understood(resource, "no-value", named)
        return
    factor = _factor(unit, measure)
    if factor is None:
        reading.remainder.not_understood(resource, "unit-unknown", named)
        return
    turned = value if factor == 1 else round(value * factor, 6)
    if not _possible(turned, measure):
        reading.remainder.not_understood(resource, "value-impossible", named)
        return
    extra["comparator"] = comparator
    if factor != 1 or (unit is not None and measure.unit != "{score}" and unit != measure.unit):
        extra["written"] = {"value": value, "unit": unit}
    if measure.unit == "{score}" and turned != int(turned):
        extra["whole"] = int(turned + 0.5)
    yield fact(kind, resource, path, named, value=turned, unit=measure.unit, extra=extra)


def _amount(part: Body, measure: Measure) -> tuple[float | None, str | None, str | None]:
    """The number, unit and comparator of whichever form the value takes."""
    if "valueQuantity" in part:
        found = quantity(part.get("valueQuantity"))
        return found.value, found.unit, found.comparator
    for name in ("valueInteger", "valueDecimal"):
        if name in part:
            return number(part.get(name)), None, None
    answer = concept(part.get("valueCodeableConcept"))
    for coding in answer.codings:
        if coding.code in measure.answers:
            return measure.answers[coding.code], None, None
    return _number_in(answer.label or answer.first.code or text(part.get("valueString"))), None, None


def _number_in(said: str | None) -> float | None:
    """The only number in a short text such as `7`, `7/10`, `ECOG 2` or `80%`."""
    found = ONLY_NUMBER.match(said) if said else None
    return float(found.group(1).replace(",", ".")) if found else None


def _factor(unit: str | None, measure: Measure) -> float | None:
    if unit is None:
        return 1 if measure.unitless else None
    plain = words(unit).replace(" ", "").replace("μ", "u").replace("µ", "u")
    units = {words(known).replace(" ", ""): factor for known, factor in measure.units.items()}
    return units.get(plain)


def _possible(value: float, measure: Measure) -> bool:
    return (measure.low is None or value >= measure.low) and (measure.high is None or value <= measure.high)


def _said(part: Body) -> str | None:
    answer = concept(part.get("valueCodeableConcept"))
    return answer.label or answer.first.code or text(part.get("valueString")) or _quantity_said(part)


def _quantity_said(part: Body) -> str | None:
    found = quantity(part.get("valueQuantity"))
    return None if found.value is None else f"{found.comparator or ''}{found.value:g} {found.unit or ''}".strip()
