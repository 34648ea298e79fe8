"""How much of a drug."""

from __future__ import annotations

from typing import Any

import pytest

from referral.intake.doses import Strength, daily_amount, dosing, strength_in
from tests.support.bundles import dosage


@pytest.mark.parametrize(
    ("said", "strength"),
    [
        ("warfarin sodium 5 mg oral tablet", Strength(5, "mg")),
        ("12 hr oxycodone hydrochloride 15 mg extended release", Strength(15, "mg")),
        ("fentanyl 0.025 mg/hr transdermal system", Strength(0.025, "mg/h")),
        ("fentanyl 25 mcg/h patch", Strength(25, "ug/h")),
        ("morphine 20 mg/ml oral solution", Strength(20, "mg/mL")),
        ("heparin sodium 5000 unt/ml", Strength(5000, "[iU]/mL")),
        ("dexamethason 0,5 mg", Strength(0.5, "mg")),
        ("morphine", None),
    ],
)
def test_the_strength_is_read_from_the_name(said: str, strength: Strength | None) -> None:
    assert strength_in(said) == strength


@pytest.mark.parametrize(
    ("instruction", "strength", "amount"),
    [
        (dosage(1, None, 2, 1, "d"), Strength(30, "mg"), (60, "mg/d")),
        (dosage(2, "{tbl}", 1, 6, "h"), Strength(5, "mg"), (40, "mg/d")),
        (dosage(10, "mg", 1, 4, "h"), None, (60, "mg/d")),
        (dosage(2.5, "mL", 6, 1, "d"), Strength(2, "mg/mL"), (30, "mg/d")),
        (dosage(500, "ug", 2, 1, "d"), None, (1, "mg/d")),
        (dosage(1, "{patch}", 1, 72, "h"), Strength(25, "ug/h"), (25, "ug/h")),
        (dosage(2, "{patch}", 1, 72, "h"), Strength(0.05, "mg/h"), (100, "ug/h")),
        (dosage(1, None, 1, 1, "wk"), Strength(7, "mg"), (1, "mg/d")),
    ],
)
def test_an_amount_a_day_is_told_when_everything_is_written(
    instruction: dict[str, Any], strength: Strength | None, amount: tuple[float, str]
) -> None:
    assert daily_amount(dosing({"dosageInstruction": [instruction]}), strength) == amount


@pytest.mark.parametrize(
    "instructions",
    [
        [],
        [dosage(1, None, 2, 1, "d", asNeededBoolean=True)],
        [dosage(1, None, 2, 1, "d", asNeededCodeableConcept={"text": "pain"})],
        [dosage(None, None, 2, 1, "d")],
        [dosage(1, "{puff}", 2, 1, "d")],
        [dosage(1, None, 1, 0, "d")],
        [{"timing": {"repeat": {"frequency": 1, "frequencyMax": 3, "period": 1, "periodUnit": "d"}}}],
        [dosage(1, None, 1, 1, "d"), dosage(2, None, 1, 1, "d")],
    ],
)
def test_an_amount_a_day_is_unknown_when_anything_is_missing(instructions: list[dict[str, Any]]) -> None:
    assert daily_amount(dosing({"dosageInstruction": instructions}), Strength(5, "mg")) == (None, None)


def test_how_many_patches_are_worn_is_never_guessed() -> None:
    assert daily_amount(dosing({}), Strength(25, "ug/h")) == (None, None)
    assert daily_amount(dosing({"dosageInstruction": [dosage(3, "mL", 1, 1, "d")]}), Strength(25, "ug/h")) == (
        None,
        None,
    )


def test_timing_may_be_a_code() -> None:
    said = dosing({"dosage": [{"timing": {"code": {"coding": [{"code": "BID"}]}}, "doseQuantity": {"value": 1}}]})
    assert said.times_a_day == 2
    assert daily_amount(said, Strength(10, "mg")) == (20, "mg/d")


def test_what_was_written_is_shown() -> None:
    said = dosing(
        {"dosageInstruction": [dosage(1, None, 1, 6, "h", text="one every six hours", route={"text": "oral"})]}
    )
    shown = said.shown()
    assert shown["times_per_day"] == 4
    assert shown["route"] == "oral"
    assert shown["instruction"] == "one every six hours"
