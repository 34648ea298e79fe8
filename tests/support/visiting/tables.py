"""The rows of the visiting service."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, MetaData, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backbone.rows import NAMING, Stateful, new_id, state_checks
from tests.support.visiting.lifecycle import VisitState


class Base(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """What ties these tables together."""


class Visit(Base, Stateful, table=True):
    """One visit."""

    RESOURCE: ClassVar[str] = "visit"
    __tablename__ = "visits"
    __table_args__ = (*state_checks(VisitState), CheckConstraint("chairs > 0", name="chairs"))

    place: str | None = None
    chairs: int = Field(default=1, nullable=False)


class Mark(Base, table=True):
    """What a reaction left behind: one row per effect, so that a second one shows."""

    __tablename__ = "marks"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    seq: int = Field(nullable=False)
    text: str = Field(default="", nullable=False)


class Seat(Base, table=True):
    """A chair taken for a time, by one visit at most."""

    __tablename__ = "seats"
    __table_args__ = (
        ExcludeConstraint(("chair", "="), ("during", "&&"), name="ex_seats_chair", using="gist", where=text("taken")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    chair: int = Field(nullable=False)
    during: Any = Field(sa_type=TSTZRANGE, nullable=False)
    taken: bool = Field(default=True, nullable=False)

    @staticmethod
    def between(start: datetime, end: datetime) -> Range[datetime]:
        """A time as the database keeps it."""
        return Range(start, end)
