"""How much of a drug: the strength in its name, the dose and timing in its instruction, and the amount a day.

An amount a day is told only when everything it is made of is written; it is never guessed and never zero for unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from referral.intake.elements import Body, child, children, concept, number, quantity, text

STRENGTH: Final = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(mcg|ug|µg|μg|micrograms?|mg|milligrams?|g|iu|unt|units?)\b(?:\s*/\s*(?:(?:1\s*)?(ml|h|hr|hour|actuat|d|day))\b)?"
)

UNITS: Final = {
    **dict.fromkeys(("mcg", "ug", "µg", "μg", "microgram", "micrograms"), "ug"),
    **dict.fromkeys(("mg", "milligram", "milligrams"), "mg"),
    **dict.fromkeys(("iu", "unt", "unit", "units", "[iu]"), "[iU]"),
    "g": "g",
}
PER: Final = {**dict.fromkeys(("h", "hr", "hour"), "h"), "ml": "mL", "actuat": "{actuation}", "d": "d", "day": "d"}
IN_MG: Final = {"ug": 0.001, "mg": 1.0, "g": 1000.0}
HOURS: Final = {"min": 1 / 60, "h": 1, "d": 24, "wk": 168, "mo": 720, "a": 8760}

TIMES_A_DAY: Final = {
    **dict.fromkeys(("qd", "am", "pm", "bed", "q24h"), 1.0),
    **dict.fromkeys(("bid", "q12h"), 2.0),
    **dict.fromkeys(("tid", "q8h"), 3.0),
    **dict.fromkeys(("qid", "q6h"), 4.0),
    "q4h": 6.0,
    "qod": 0.5,
}
"""What the abbreviations of FHIR's timing codes mean."""

PIECES: Final = frozenset(
    {None, "1", "{tbl}", "{tablet}", "tablet", "tablets", "tab", "{capsule}", "capsule", "{patch}", "patch"}
)
"""Units of a dose that count pieces, each of the strength in the name."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How much of an ingredient one piece, millilitre or hour holds; `unit` such as mg, mg/mL or ug/h."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Dosing:
    """What the instruction says."""

    amount: float | None = None
    unit: str | None = None
    times_a_day: float | None = None
    as_needed: bool | None = None
    route: str | None = None
    instruction: str | None = None
    several: bool = False

    def shown(self) -> dict[str, JsonValue]:
        """The parts that were written, as a fact carries them."""
        dose: dict[str, JsonValue] | None = None
        if self.amount is not None:
            dose = {"value": self.amount, "unit": self.unit}
        return {
            "dose": dose,
            "times_per_day": None if self.times_a_day is None else round(self.times_a_day, 6),
            "as_needed": self.as_needed,
            "route": self.route,
            "instruction": self.instruction,
            "several_instructions": True if self.several else None,
        }


def strength_in(said: str) -> Strength | None:
    """The first strength written in part of a drug's name (in lower case)."""
    found = STRENGTH.search(said)
    if found is None:
        return None
    unit, per = UNITS[found.group(2)], found.group(3)
    return Strength(float(found.group(1).replace(",", ".")), unit + (f"/{PER[per]}" if per else ""))


def dosing(body: Body) -> Dosing:
    """The instruction of an order or a statement. Several instructions are told apart, not added up."""
    listed = children(body, "dosageInstruction") or children(body, "dosage")
    if not listed:
        return Dosing()
    first = listed[0]
    rates = (one.get("doseQuantity") for one in children(first, "doseAndRate"))
    dose = quantity(next(rates, first.get("doseQuantity")))
    return Dosing(
        amount=dose.value,
        unit=dose.unit,
        times_a_day=_times_a_day(child(first, "timing")),
        as_needed=_as_needed(first),
        route=concept(first.get("route")).label,
        instruction=text(first.get("text")),
        several=len(listed) > 1,
    )


def daily_amount(said: Dosing, strength: Strength | None) -> tuple[float | None, str | None]:
    """The amount a day in mg/d, or the rate of a patch in ug/h; (None, None) when anything needed is not written."""
    if said.several or said.as_needed or said.amount is None:
        return None, None
    if strength is not None and strength.unit in ("ug/h", "mg/h"):
        rate = strength.value * (1.0 if strength.unit == "ug/h" else 1000.0)
        return (round(rate * said.amount, 6), "ug/h") if _pieces(said.unit) else (None, None)
    if said.times_a_day is None:
        return None, None
    each = _milligrams(said, strength)
    return (None, None) if each is None else (round(each * said.times_a_day, 6), "mg/d")


def _milligrams(said: Dosing, strength: Strength | None) -> float | None:
    if said.amount is None:
        return None
    written = UNITS.get((said.unit or "").casefold())
    if written in IN_MG:
        return said.amount * IN_MG[written]
    if strength is None:
        return None
    if _pieces(said.unit) and strength.unit in IN_MG:
        return said.amount * strength.value * IN_MG[strength.unit]
    basis, _, per = strength.unit.partition("/")
    if (said.unit or "").casefold() == "ml" and per == "mL" and basis in IN_MG:
        return said.amount * strength.value * IN_MG[basis]
    return None


def _pieces(unit: str | None) -> bool:
    return (unit.casefold() if unit else None) in PIECES


def _times_a_day(timing: Body) -> float | None:
    repeat = child(timing, "repeat")
    if "frequencyMax" in repeat or "periodMax" in repeat:
        return None
    frequency, period = number(repeat.get("frequency", 1)), number(repeat.get("period"))
    hours = HOURS.get(text(repeat.get("periodUnit")) or "")
    if frequency and period and hours and period > 0:
        return frequency * 24 / (period * hours)
    code = concept(timing.get("code"))
    return TIMES_A_DAY.get((code.first.code or code.said or "").casefold())


def _as_needed(instruction: Body) -> bool | None:
    if child(instruction, "asNeededCodeableConcept"):
        return True
    said = instruction.get("asNeededBoolean")
    return said if isinstance(said, bool) else None
