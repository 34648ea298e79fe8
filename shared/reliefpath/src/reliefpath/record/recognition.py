"""How drugs, measurements and diagnoses are recognised in somebody else's record."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from reliefpath.record.form import Frozen, Record
from reliefpath.vocabulary import Code


class Medicine(Frozen):
    """One ingredient: our code for it, the names it goes by, and its RxNorm ingredient codes where they are known."""

    code: Code
    names: tuple[str, ...] = Field(min_length=1)
    rxnorm: tuple[str, ...] = ()


class Medicines(Record):
    """The ingredients of one class, and which kind of fact a record of one of them is (None: known, of no use here)."""

    kind: Literal["medicines"] = "medicines"
    drug_class: Code
    fact: Literal["opioid", "other_analgesic", "anticoagulant", "antiplatelet", "anticancer"] | None = None
    members: tuple[Medicine, ...] = Field(min_length=1)


class Measure(Record):
    """How one kind of measurement is recognised in a patient record, and in which unit it is kept.

    units: every unit understood, with the factor that turns it into `unit`. A measurement in any other unit is not
    understood, unless it has none and `unitless` allows that. answers: coded answers and their scores.
    """

    kind: Literal["measure"] = "measure"
    fact: Code
    loinc: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    as_text: bool = False
    unit: str | None = None
    units: dict[str, float] = Field(default_factory=dict)
    unitless: bool = False
    low: float | None = None
    high: float | None = None
    answers: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        _compile((*self.patterns, *self.hints))
        return self


class Terms(Record):
    """Words and codes by which something is recognised: groups of regular expressions, matched in lower case."""

    kind: Literal["terms"] = "terms"
    words: dict[Code, tuple[str, ...]] = Field(default_factory=dict)
    codes: dict[Code, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        for group in (*self.words.values(), *self.codes.values()):
            _compile(group)
        return self


def _compile(patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as wrong:
            raise ValueError(f"{pattern!r} is no regular expression: {wrong}") from None
