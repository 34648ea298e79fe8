"""The rows of the scheduling service. They only store: commands validate, lifecycles decide.

That no resource is in two places at once is the database's own word (`ex_allocations_resource_during`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Connection, Index, MetaData, Text, Time, event, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backbone.rows import NAMING, Moment, Stateful, Versioned, new_id, state_checks
from reliefpath.vocabulary import CourseKind, FacilityKind, Purpose, Role, Setting, Urgency
from scheduling.lifecycle import HOLDING, OPEN, AppointmentState
from scheduling.rules.facts import ResourceKind


class Base(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """What ties these tables together, and to no other service's."""


@event.listens_for(Base.metadata, "before_create")
def _with_btree_gist(_: MetaData, connection: Connection, **__: object) -> None:
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS btree_gist"))


def _listed(values: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{value.value}'" for value in sorted(values))


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """The database's own word on which codes a column may hold."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value.value) for value in values)})", name=column)


class Facility(Base, Versioned, table=True):
    """A place in the directory. Its id follows from its code."""

    __tablename__ = "facilities"
    __table_args__ = (one_of("kind", FacilityKind),)

    code: str = Field(nullable=False, unique=True)
    name: str | None = None
    kind: str = Field(nullable=False)
    capabilities: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    accepting: bool = Field(nullable=False)
    timezone: str = Field(nullable=False)


class Resource(Base, Versioned, table=True):
    """A room, a clinician or a device of a facility. `label` is for people to read, and is never sent on."""

    __tablename__ = "resources"
    __table_args__ = (
        one_of("kind", ResourceKind),
        Index("uq_resources_facility_code", "facility", "code", unique=True),
    )

    facility: UUID = Field(foreign_key="facilities.id", nullable=False)
    code: str = Field(nullable=False)
    label: str | None = None
    kind: str = Field(nullable=False)
    capabilities: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    active: bool = Field(nullable=False)


class OpeningHours(Base, table=True):
    """When a resource is open each week, in its facility's local time. Closing at midnight means the end of the day."""

    __tablename__ = "opening_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("closes > opens OR closes = '00:00'", name="closes"),
    )

    resource: UUID = Field(foreign_key="resources.id", primary_key=True)
    weekday: int = Field(primary_key=True)
    opens: time = Field(sa_type=Time, primary_key=True)
    closes: time = Field(sa_type=Time, nullable=False)


class Appointment(Base, Stateful, table=True):
    """One visit that is to take place, takes place or fell through. What replaces it is another row."""

    RESOURCE: ClassVar[str] = "appointment"
    __tablename__ = "appointments"
    __table_args__ = (
        *state_checks(AppointmentState),
        one_of("purpose", Purpose),
        one_of("kind", CourseKind),
        one_of("urgency", Urgency),
        one_of("setting", Setting),
        one_of("cancelled_by", Role),
        CheckConstraint(
            "(purpose = 'procedure') = (course IS NOT NULL AND kind IS NOT NULL AND modality IS NOT NULL)",
            name="procedure",
        ),
        CheckConstraint("ends_at > starts_at AND (starts_at IS NULL) = (ends_at IS NULL)", name="slot"),
        CheckConstraint(f"state NOT IN ({_listed(HOLDING)}) OR starts_at IS NOT NULL", name="holding"),
        CheckConstraint("state <> 'offered' OR answer_by IS NOT NULL", name="offered"),
        Index(
            "uq_appointments_open_course",
            "course",
            unique=True,
            postgresql_where=text(f"course IS NOT NULL AND state IN ({_listed(OPEN)})"),
        ),
        Index(
            "uq_appointments_open_assessment",
            "referral",
            unique=True,
            postgresql_where=text(f"purpose = 'assessment' AND state IN ({_listed(OPEN)})"),
        ),
        Index("ix_appointments_worklist", "facility", "state", func.coalesce(text("see_by"), text("created_at")), "id"),
        Index("ix_appointments_starts_at", "facility", "starts_at"),
    )

    referral: UUID = Field(nullable=False, index=True)
    purpose: str = Field(nullable=False)
    course: UUID | None = None
    kind: str | None = None
    modality: str | None = None
    variant: str | None = None
    facility: UUID = Field(nullable=False)
    urgency: str = Field(nullable=False)
    setting: str = Field(nullable=False)
    antithrombotics: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    valid_until: datetime | None = Field(default=None, sa_type=Moment)
    see_by: datetime | None = Field(default=None, sa_type=Moment)
    starts_at: datetime | None = Field(default=None, sa_type=Moment)
    ends_at: datetime | None = Field(default=None, sa_type=Moment)
    answer_by: datetime | None = Field(default=None, sa_type=Moment)
    replaces: UUID | None = Field(default=None, foreign_key="appointments.id", unique=True)
    cancelled_by: str | None = None
    reason_code: str | None = None


class Allocation(Base, table=True):
    """A resource reserved for an appointment. No longer active once the time was given back; the row stays."""

    __tablename__ = "allocations"
    __table_args__ = (
        ExcludeConstraint(
            ("resource", "="),
            ("during", "&&"),
            where=text("active"),
            using="gist",
            name="ex_allocations_resource_during",
        ),
        CheckConstraint("NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)", name="during"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    resource: UUID = Field(foreign_key="resources.id", nullable=False)
    appointment: UUID = Field(foreign_key="appointments.id", nullable=False, index=True)
    during: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    active: bool = Field(default=True, nullable=False)


class Hold(Base, table=True):
    """What was decided with its prescriber about one antithrombotic before one appointment. The latest counts."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("NOT held OR last_dose_at IS NOT NULL", name="held"),
        Index("ix_holds_appointment", "appointment", "drug", "decided_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    appointment: UUID = Field(foreign_key="appointments.id", nullable=False)
    drug: str = Field(nullable=False)
    held: bool = Field(nullable=False)
    last_dose_at: datetime | None = Field(default=None, sa_type=Moment)
    not_before: datetime | None = Field(default=None, sa_type=Moment)
    form: str | None = None
    renal_impairment: bool | None = None
    confirmed: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    reason_code: str | None = None
    decided_at: datetime = Field(sa_type=Moment, nullable=False)
    decided_by: str = Field(nullable=False)


TimeRange = Range[datetime]
