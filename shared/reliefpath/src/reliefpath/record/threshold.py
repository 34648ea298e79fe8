"""When to act, and how soon: figures, reasons to refer, signs of urgency, and the time each step is given."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from reliefpath.record.form import Record
from reliefpath.record.modality import BleedClass
from reliefpath.record.span import Length
from reliefpath.vocabulary import Code, Urgency


class Figure(Record):
    """One number or range, to be compared with something measured. `options` are the other values a site may choose."""

    kind: Literal["figure"] = "figure"
    quantity: Code
    comparison: Literal["at_least", "above", "at_most", "below", "within"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    options: tuple[float, ...] = ()
    unit: str
    bleed_class: BleedClass | None = None

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if (self.value is None) == (self.low is None and self.high is None):
            raise ValueError("needs either a value or a range")
        return self


class Criterion(Record):
    """A reason to consider referring somebody. It suggests; it never decides and never excludes."""

    kind: Literal["criterion"] = "criterion"
    quantity: Code
    comparison: Literal["at_least", "above", "at_most", "below", "present"]
    value: float | None = None
    options: tuple[float, ...] = ()
    unit: str | None = None
    window: Length | None = None
    counts: dict[Code, int] = Field(default_factory=dict)
    any_of: tuple[Code, ...] = ()


class ServiceLevel(Record):
    """How soon each step should be done, for one urgency, as one body of opinion (`scheme`) sees it."""

    kind: Literal["service_level"] = "service_level"
    scheme: Code
    urgency: Urgency
    contact: Length | None = None
    triage: Length | None = None
    assessment: Length | None = None
    procedure: Length | None = None
    warn_at_percent: int | None = Field(default=None, ge=1, le=99)


class UrgencySigns(Record):
    """What speaks for an urgency: any one of these. A person sets the urgency; this only proposes."""

    kind: Literal["urgency"] = "urgency"
    urgency: Urgency
    pain_at_least: int | None = Field(default=None, ge=0, le=10)
    pain_at_most: int | None = Field(default=None, ge=0, le=10)
    only_with: tuple[Code, ...] = ()
    prognosis_below: Length | None = None
    any_of: tuple[Code, ...] = ()


class Operation(Record):
    """How long people are given for a step that is organisational, not clinical."""

    kind: Literal["operation"] = "operation"
    wait: Length
