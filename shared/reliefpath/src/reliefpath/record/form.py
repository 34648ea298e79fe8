"""The form every clinical record has: what it is called, where it comes from, and who stands for it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reliefpath.vocabulary import Code

RecordId = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{0,63}$")]
"""The name of a record; every version of it keeps the name."""


class Status(StrEnum):
    """Where a record stands: nobody has approved a draft; nobody uses a retired one."""

    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


class Verification(StrEnum):
    """How far a figure was checked against its source."""

    PRIMARY = "V1"
    SECONDARY = "V2"
    MEMORY = "M"
    COMMON_PRACTICE = "C"
    PROPOSED = "P"


class Frozen(BaseModel):
    """Immutable, and strict about its fields: a misspelt field in a record is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where a figure comes from."""

    title: str
    organisation: str
    year: int | None = None
    locator: str | None = None
    doi: str | None = None
    url: str | None = None


class Record(Frozen):
    """What every record has.

    `sources` is never empty; `verification` is the weakest grade of anything in it, and `grades` says where a part of
    it is better or worse founded.
    """

    id: RecordId
    version: int = Field(ge=1)
    title: str
    status: Status
    applies_to: tuple[Code, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)
    verification: Verification
    grades: dict[str, Verification] = Field(default_factory=dict)
    effective_from: date
    review_due: date
    approved_by: str | None = None
    site_overridable: bool
    rationale: str

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.status is Status.APPROVED and not self.approved_by:
            raise ValueError("is approved, but by nobody")
        if self.status is Status.DRAFT and self.approved_by:
            raise ValueError("is a draft, yet somebody approved it")
        if self.review_due <= self.effective_from:
            raise ValueError("is due for review before it takes effect")
        return self

    @property
    def ref(self) -> str:
        """How events and explanations name it: `id@version`."""
        return f"{self.id}@{self.version}"

    @property
    def source(self) -> Source:
        """The first and foremost source."""
        return self.sources[0]

    def __hash__(self) -> int:
        return hash(self.ref)
