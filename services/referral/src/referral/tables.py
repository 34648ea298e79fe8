"""The rows of the referral service. They only store: commands validate, and lifecycles decide.

Who a patient is stands in `patients` and `patient_identifiers` alone. What people wrote in their own words stands in
`notes` and in the goal of an assessment or a decision; every other row holds ids, codes, times and scores, or what a
source said about a patient (`facts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backbone.rows import NAMING, Moment, Stateful, new_id, state_checks
from referral.intake.facts import FactKind
from referral.lifecycle import AttentionKind, AttentionState, CourseState, NoteKind, ReferralState
from referral.lifecycle.referral import MAY_BE_SENT_AGAIN
from reliefpath.vocabulary import (
    CourseKind,
    Exit,
    FacilityKind,
    Setting,
    Side,
    Stage,
    Urgency,
    Verdict,
)


class Base(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """What ties these tables together, and to no other service's."""


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """The database's own word on which codes a column may hold."""
    return CheckConstraint(f"{column} IN ({_listed(values)})", name=column)


def _listed(values: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{value.value}'" for value in values)


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
    capabilities: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    accepting: bool = Field(nullable=False)


class Patient(Base, table=True):
    """A person as one sender described them.

    Two senders' descriptions are never merged here: neither may overwrite, or learn, what the other knows.
    """

    __tablename__ = "patients"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, unique=True)
    source: str = Field(nullable=False)
    family: str | None = None
    given: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    name: str | None = None
    born: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    language: str | None = None
    phones: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    emails: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    addresses: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, nullable=False)
    died: bool = Field(default=False, nullable=False)
    died_on: date | None = None


class PatientIdentifier(Base, table=True):
    """A number somebody gave a patient: what tells that two referrals are about the same person.

    An unknown system is an empty text.
    """

    __tablename__ = "patient_identifiers"
    __table_args__ = (Index("ix_patient_identifiers_value", "value", "system"),)

    patient: UUID = Field(foreign_key="patients.id", primary_key=True)
    system: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    type: str | None = None


class Journey(Base, table=True):
    """Where a patient's path stands: folded from what this service says, in the transaction in which it says it."""

    __tablename__ = "journeys"
    __table_args__ = (one_of("stage", Stage), one_of("setting", Setting), one_of("exit", Exit))

    id: UUID = Field(primary_key=True)
    stage: str = Field(nullable=False)
    setting: str = Field(nullable=False)
    since: datetime = Field(sa_type=Moment, nullable=False)
    exit: str | None = None


class Referral(Base, Stateful, table=True):
    """One facility's request to another to see a patient."""

    RESOURCE: ClassVar[str] = "referral"
    __tablename__ = "referrals"
    __table_args__ = (
        *state_checks(ReferralState),
        one_of("setting", Setting),
        one_of("urgency", Urgency),
        one_of("proposed_urgency", Urgency),
        one_of("cancellation_by", Side),
        Index("ix_referrals_to_facility", "to_facility", "state"),
        Index("ix_referrals_from_facility", "from_facility", "state"),
        Index(
            "ix_referrals_bundle",
            "from_facility",
            "to_facility",
            "fingerprint",
            unique=True,
            postgresql_where=text(f"fingerprint IS NOT NULL AND state NOT IN ({_listed(sorted(MAY_BE_SENT_AGAIN))})"),
        ),
    )

    patient: UUID = Field(foreign_key="patients.id", nullable=False)
    from_facility: UUID = Field(nullable=False)
    to_facility: UUID = Field(nullable=False)
    parent: UUID | None = Field(default=None, foreign_key="referrals.id")
    setting: str = Field(nullable=False)
    reason_code: str = Field(nullable=False)
    proposed_urgency: str | None = None
    signs: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    urgency: str | None = None
    clock_started_at: datetime | None = Field(default=None, sa_type=Moment)
    closed_at: datetime | None = Field(default=None, sa_type=Moment)
    cancellation_by: str | None = None
    asked_items: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    fingerprint: str | None = None
    as_of: date | None = None


class Fact(Base, table=True):
    """One thing a source says about a patient, with that source: a resource of a bundle, or the role of who wrote it.

    `value` is a number; what is not one stands in `words`.
    """

    __tablename__ = "facts"
    __table_args__ = (one_of("kind", FactKind),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    position: int = Field(nullable=False)
    kind: str = Field(nullable=False)
    code: str | None = None
    system: str | None = None
    display: str | None = None
    value: float | None = None
    words: str | None = None
    unit: str | None = None
    at: str | None = None
    day: date | None = None
    current: bool | None = None
    source: str = Field(nullable=False)
    path: str = Field(nullable=False)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)


class NotUnderstood(Base, table=True):
    """Resources of one sort in a bundle that may matter and that intake could not read."""

    __tablename__ = "not_understood"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    position: int = Field(nullable=False)
    type: str = Field(nullable=False)
    reason: str = Field(nullable=False)
    code: str | None = None
    text: str | None = None
    count: int = Field(nullable=False)
    examples: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)


class Note(Base, table=True):
    """What somebody wrote in their own words. Notes never leave this database but through its API."""

    __tablename__ = "notes"
    __table_args__ = (one_of("kind", NoteKind),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    course: UUID | None = None
    kind: str = Field(nullable=False)
    text: str = Field(nullable=False)
    role: str = Field(nullable=False)
    written_at: datetime = Field(sa_type=Moment, nullable=False)


class Assessment(Base, table=True):
    """What a pain clinician found at one visit."""

    __tablename__ = "assessments"
    __table_args__ = (
        score("average_pain"),
        score("worst_pain"),
        score("personal_pain_goal"),
        one_of("setting", Setting),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    average_pain: int | None = None
    worst_pain: int | None = None
    personal_pain_goal: int | None = None
    setting: str = Field(nullable=False)
    goal: str | None = None
    recorded_by: str = Field(nullable=False)
    recorded_at: datetime = Field(sa_type=Moment, nullable=False)


class Conference(Base, table=True):
    """What a case conference recommended, by whom, and whether somebody dissented."""

    __tablename__ = "conferences"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    attendance: list[str] = Field(sa_type=ARRAY(Text), nullable=False)
    options: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
    recommended: list[str] = Field(sa_type=ARRAY(Text), nullable=False)
    dissent: bool = Field(default=False, nullable=False)
    recorded_by: str = Field(nullable=False)
    recorded_at: datetime = Field(sa_type=Moment, nullable=False)


class Course(Base, Stateful, table=True):
    """One modality, tried once."""

    RESOURCE: ClassVar[str] = "course"
    __tablename__ = "courses"
    __table_args__ = (
        *state_checks(CourseState),
        one_of("kind", CourseKind),
        one_of("verdict", Verdict),
        one_of("suggested", Verdict),
        one_of("setting", Setting),
        score("baseline_pain"),
        score("personal_pain_goal"),
        Index("ix_courses_referral", "referral"),
    )

    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    kind: str = Field(nullable=False)
    modality: str = Field(nullable=False)
    follows: UUID | None = Field(default=None, foreign_key="courses.id")
    setting: str | None = None
    baseline_pain: int | None = None
    personal_pain_goal: int | None = None
    appointment: UUID | None = None
    starts_at: datetime | None = Field(default=None, sa_type=Moment)
    performed_at: datetime | None = Field(default=None, sa_type=Moment)
    review_due_at: datetime | None = Field(default=None, sa_type=Moment)
    suggested: str | None = None
    relief: float | None = None
    verdict: str | None = None


class Decision(Base, table=True):
    """What patient and clinician decided together about one course, and on what ground."""

    __tablename__ = "decisions"
    __table_args__ = (score("personal_pain_goal"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    course: UUID = Field(foreign_key="courses.id", nullable=False, unique=True)
    goal: str = Field(nullable=False)
    options_discussed: list[str] = Field(sa_type=ARRAY(Text), nullable=False)
    risks_discussed: list[str] = Field(sa_type=ARRAY(Text), nullable=False)
    leaflet: str = Field(nullable=False)
    decided_by: str = Field(nullable=False)
    personal_pain_goal: int | None = None
    recorded_by: str = Field(nullable=False)
    recorded_at: datetime = Field(sa_type=Moment, nullable=False)


class Authorisation(Base, table=True):
    """What a payer was asked about one course, and what it answered. A trial's never covers the treatment."""

    __tablename__ = "authorisations"
    __table_args__ = (CheckConstraint("outcome IN ('pending', 'granted', 'denied')", name="outcome"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    journey: UUID = Field(nullable=False, index=True)
    course: UUID = Field(foreign_key="courses.id", nullable=False, unique=True)
    payer: str | None = None
    submission: str | None = None
    submitted_at: datetime = Field(sa_type=Moment, nullable=False)
    outcome: str = Field(default="pending", nullable=False)
    reference: str | None = None
    valid_until: datetime | None = Field(default=None, sa_type=Moment)
    reason_code: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=Moment)


class Attention(Base, Stateful, table=True):
    """Something that needs a person's hand now. `facility` is whose; `subject` is the thing it is about."""

    RESOURCE: ClassVar[str] = "attention"
    __tablename__ = "attentions"
    __table_args__ = (
        *state_checks(AttentionState),
        one_of("kind", AttentionKind),
        Index("ix_attentions_subject", "kind", "subject", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_attentions_facility", "facility", "referral", postgresql_where=text("state = 'open'")),
    )

    referral: UUID = Field(foreign_key="referrals.id", nullable=False)
    facility: UUID = Field(nullable=False)
    kind: str = Field(nullable=False)
    subject: UUID = Field(nullable=False)
    outcome_code: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
