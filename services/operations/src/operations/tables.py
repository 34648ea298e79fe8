"""What operations keeps: every event it heard, without its data, and where each journey stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Index, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backbone.rows import NAMING, Moment
from reliefpath.events import Speaker
from reliefpath.vocabulary import Exit, Role, Setting, Stage


def _one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Base(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """The tables of operations."""


class HeardEvent(Base, table=True):
    """One event: who said it, why, when, and where it stands in the log. Never its data: they may hold pain scores.

    `time` is the one clock's, `recorded_at` real time. `actor` is the role alone.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_place", "stream", "speaker", "seq", unique=True),
        _one_of("speaker", Speaker),
        _one_of("actor", Role),
    )

    id: UUID = Field(primary_key=True)
    stream: UUID
    speaker: str
    seq: int = Field(sa_type=BigInteger)
    type: str
    time: datetime = Field(sa_type=Moment)
    cause: str
    actor: str
    rules: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    trace: str | None = None
    recorded_at: datetime = Field(sa_type=Moment)
    topic: str
    partition: int
    offset: int = Field(sa_type=BigInteger)


class Journey(Base, table=True):
    """Where a journey stands, folded by `reliefpath.journey` from what the referral service said of it.

    `since` is when it reached its stage, `began_at` when it was first requested.
    """

    __tablename__ = "journeys"
    __table_args__ = (
        Index("ix_journeys_since_id", "since", "id"),
        _one_of("stage", Stage),
        _one_of("setting", Setting),
        _one_of("exit", Exit),
    )

    id: UUID = Field(primary_key=True)
    stage: str
    setting: str
    exit: str | None = None
    since: datetime = Field(sa_type=Moment)
    began_at: datetime = Field(sa_type=Moment)
