"""The rows of follow-up. They only store: commands validate, and lifecycles decide.

Free text stands in `remarks` alone; every other row holds ids, codes, times and scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, MetaData, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backbone.rows import NAMING, Moment, Stateful, state_checks
from followup.lifecycle import CheckInState, HandoverState, ObservationState, TrialState
from reliefpath.vocabulary import CourseKind, FacilityKind, Role, Setting, Verdict

OPEN_HANDOVER: Final = "state IN ('offered', 'accepted', 'active')"


class Base(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """The tables of follow-up."""


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """The database's own word on which codes a column may hold."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def score(column: str) -> CheckConstraint:
    """A numeric rating scale answer."""
    return CheckConstraint(f"{column} BETWEEN 0 AND 10", name=column)


class Facility(Base, table=True):
    """A facility as the directory last described it."""

    __tablename__ = "facilities"
    __table_args__ = (one_of("kind", FacilityKind),)

    id: UUID = Field(primary_key=True)
    code: str = Field(nullable=False, unique=True)
    kind: str = Field(nullable=False)
    capabilities: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    accepting: bool = Field(nullable=False)


class Journey(Base, table=True):
    """A journey as the referral service last described it: its present referral, both sides, and why it is closed."""

    __tablename__ = "journeys"

    id: UUID = Field(primary_key=True)
    referral: UUID = Field(nullable=False)
    from_facility: UUID = Field(nullable=False)
    to_facility: UUID = Field(nullable=False)
    closed_because: str | None = None


class Observation(Base, Stateful, table=True):
    """One course as follow-up watches it; its id is the course's. `planned` counts the check-ins ever scheduled."""

    RESOURCE: ClassVar[str] = "observation"
    __tablename__ = "observations"
    __table_args__ = (
        *state_checks(ObservationState),
        one_of("kind", CourseKind),
        one_of("suggested", Verdict),
        score("baseline_pain"),
        score("personal_pain_goal"),
        CheckConstraint("state IN ('expected', 'ended') OR performed_at IS NOT NULL", name="performed"),
        Index("ix_observations_state", "state", "id"),
    )

    referral: UUID = Field(nullable=False)
    kind: str = Field(nullable=False)
    modality: str = Field(nullable=False)
    facility: UUID | None = None
    baseline_pain: int | None = None
    personal_pain_goal: int | None = None
    performed_at: datetime | None = Field(default=None, sa_type=Moment)
    planned: int = Field(default=0, nullable=False)
    suggested: str | None = None
    relief: float | None = None


class Trial(Base, Stateful, table=True):
    """The observation of one trial as a thing to be judged. A trial booked again stays the same trial."""

    RESOURCE: ClassVar[str] = "trial"
    __tablename__ = "trials"
    __table_args__ = (
        *state_checks(TrialState),
        one_of("suggested", Verdict),
        one_of("verdict", Verdict),
        CheckConstraint("state NOT IN ('running', 'awaiting_verdict') OR ends_at IS NOT NULL", name="ends"),
        CheckConstraint("(state = 'judged') = (verdict IS NOT NULL)", name="judged"),
        Index("ix_trials_state", "state", "id"),
    )

    course: UUID = Field(foreign_key="observations.id", nullable=False, unique=True)
    starts_at: datetime | None = Field(default=None, sa_type=Moment)
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    ends_at: datetime | None = Field(default=None, sa_type=Moment)
    verdict_by: datetime | None = Field(default=None, sa_type=Moment)
    suggested: str | None = None
    relief: float | None = None
    verdict: str | None = None
    reason_code: str | None = None
    judged_at: datetime | None = Field(default=None, sa_type=Moment)


class CheckIn(Base, Stateful, table=True):
    """One short contact after a procedure.

    `latest_at` is the end of the contact's own time; `answer_by` is until when an answer is awaited, once it is asked
    for. A missed one is tried again until `retry_at`.
    """

    RESOURCE: ClassVar[str] = "check-in"
    __tablename__ = "check_ins"
    __table_args__ = (
        *state_checks(CheckInState),
        one_of("answered_by", Role),
        score("average_pain"),
        score("worst_pain"),
        CheckConstraint("rescue_doses >= 0", name="rescue_doses"),
        CheckConstraint(
            "(state = 'completed') = (average_pain IS NOT NULL AND answered_at IS NOT NULL)", name="answered"
        ),
        Index("ix_check_ins_course", "course", "due_at", unique=True),
        Index("ix_check_ins_state", "state", "due_at", "id"),
    )

    course: UUID = Field(foreign_key="observations.id", nullable=False)
    due_at: datetime = Field(sa_type=Moment, nullable=False)
    latest_at: datetime = Field(sa_type=Moment, nullable=False)
    answer_by: datetime | None = Field(default=None, sa_type=Moment)
    retry_at: datetime | None = Field(default=None, sa_type=Moment)
    attempts: int = Field(default=0, nullable=False)
    channel: str = Field(nullable=False)
    purpose: str = Field(nullable=False)
    average_pain: int | None = None
    worst_pain: int | None = None
    rescue_doses: int | None = None
    answered_at: datetime | None = Field(default=None, sa_type=Moment)
    answered_by: str | None = None
    reason_code: str | None = None


class Handover(Base, Stateful, table=True):
    """One home team asked to take one patient over. A patient has one open handover at most."""

    RESOURCE: ClassVar[str] = "handover"
    __tablename__ = "handovers"
    __table_args__ = (
        *state_checks(HandoverState),
        one_of("setting", Setting),
        Index("ix_handovers_open", "journey", unique=True, postgresql_where=text(OPEN_HANDOVER)),
        Index("ix_handovers_state", "state", "answer_by", "id"),
    )

    referral: UUID = Field(nullable=False)
    from_facility: UUID = Field(nullable=False)
    to_facility: UUID = Field(nullable=False)
    follows: UUID | None = Field(default=None, foreign_key="handovers.id")
    answer_by: datetime = Field(sa_type=Moment, nullable=False)
    setting: str | None = None
    reason_code: str | None = None


class Remark(Base, table=True):
    """What somebody wrote about an action, in their own words."""

    __tablename__ = "remarks"
    __table_args__ = (one_of("role", Role), Index("ix_remarks_subject", "subject", "at"))

    id: UUID = Field(primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    subject: UUID = Field(nullable=False)
    action: str = Field(nullable=False)
    text: str = Field(nullable=False)
    role: str = Field(nullable=False)
    at: datetime = Field(sa_type=Moment, nullable=False)
