"""What came of it: grades of response, contacts after a procedure, and exposure to opioids."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from reliefpath.record.form import Frozen, Record
from reliefpath.record.span import Length
from reliefpath.vocabulary import Code, CourseKind


class Response(Record):
    """How the effect of a trial or treatment is graded. No data is always reported apart from no response."""

    kind: Literal["response"] = "response"
    responder_percent: float | None = Field(default=None, ge=0, le=100)
    partial_percent: float | None = Field(default=None, ge=0, le=100)
    minimal_percent: float | None = Field(default=None, ge=0, le=100)
    equal_pain_toxicity_percent: float | None = Field(default=None, ge=0, le=100)
    points: float | None = None
    at_or_below_goal: bool = False
    window: Length | None = None
    tolerance: Length | None = None
    no_data_apart: Literal[True] = True


class Contact(Frozen):
    """One planned contact after a procedure, or a repeated one (`every`), counted from the procedure's end."""

    at: Length
    every: Length | None = None
    channel: Literal["visit", "phone", "diary", "inpatient"]
    purpose: Code

    def offsets(self) -> tuple[timedelta, ...]:
        """When to make it, counted from the procedure: once at the lower end, or repeated over the whole range."""
        if self.every is None:
            return (self.at.shortest,)
        step, offset = self.every.longest, self.at.shortest
        if step <= timedelta(0):
            return (offset,)
        found = []
        while offset <= self.at.longest:
            found.append(offset)
            offset += step
        return tuple(found)


class Schedule(Record):
    """The contacts after a procedure. `applies_to` holds modality codes."""

    kind: Literal["schedule"] = "schedule"
    courses: tuple[CourseKind, ...]
    contacts: tuple[Contact, ...] = Field(min_length=1)

    def offsets(self) -> tuple[timedelta, ...]:
        """All contacts' times after the procedure, in order, each once."""
        return tuple(sorted({offset for contact in self.contacts for offset in contact.offsets()}))


class MissedContact(Record):
    """What happens when nobody answers."""

    kind: Literal["missed_contact"] = "missed_contact"
    retry_after: Length
    retries: int = Field(ge=0)
    then: Code


class MmeFactor(Record):
    """Morphine milligram equivalents per unit of a drug. An exposure trend only: never a limit, never a conversion.

    `factor` is None for a drug that has none (`convertible` false): it is reported apart, never counted as zero.
    """

    kind: Literal["mme_factor"] = "mme_factor"
    factor_set: Code
    drug: Code
    factor: float | None = Field(default=None, gt=0)
    per: Literal["mg/d", "ug/h"] | None = None
    convertible: bool = True
    caution: tuple[Code, ...] = ()
    is_limit: Literal[False] = False
    converts_between_opioids: Literal[False] = False

    @model_validator(mode="after")
    def _factor_given(self) -> Self:
        if self.convertible != (self.factor is not None and self.per is not None):
            raise ValueError("a convertible drug needs a factor and a unit, and no other has one")
        return self
