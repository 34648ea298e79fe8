"""What the operations API shows."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from backbone.streams.dead_letters import DeadLetterShown as TheirDeadLetter
from backbone.streams.deadlines import DeadlineShown as TheirDeadline
from backbone.streams.held import HeldDetail as TheirHeldDetail
from backbone.streams.held import HeldShown as TheirHeld
from operations.streams import Status, Trend
from operations.traces import CauseKind
from reliefpath.events import Speaker
from reliefpath.vocabulary import Exit, Role, Setting, Stage


class JourneyShown(BaseModel):
    """Where a journey stands. `since` is when it reached its stage; `last_…` tell of the last event heard of it.

    `seconds_in_stage` is by the one clock, as all its times are.
    """

    journey: UUID
    stage: Stage
    setting: Setting
    exit: Exit | None
    since: datetime
    seconds_in_stage: float
    began_at: datetime
    last_event: str
    last_speaker: Speaker
    last_at: datetime


class CauseShown(BaseModel):
    """What led to an event: another event, a request, or a deadline that had come.

    `position` and `type` are of the causing event; for a deadline, of the event that led to its being set.
    """

    kind: CauseKind
    id: str
    position: int | None = None
    type: str | None = None
    seconds_before: float | None = Field(
        None, description="Seconds from the causing event to this one, by their clocks."
    )


class EventShown(BaseModel):
    """One event in its place. `depth` is how many events led to it, one through the other."""

    position: int
    id: UUID
    speaker: Speaker
    seq: int
    type: str
    time: datetime
    actor: Role
    rules: list[str]
    cause: CauseShown
    depth: int
    trace_id: str | None
    recorded_at: datetime
    topic: str
    partition: int
    offset: int


class Missing(BaseModel):
    """A place in a speaker's events that nothing was heard of, although a later one was."""

    speaker: Speaker
    seq: int


class JourneyTraced(BaseModel):
    """A journey's events, each after its cause. Where it stands is unknown until its referral has been heard of."""

    journey: UUID
    stage: Stage | None
    setting: Setting | None
    exit: Exit | None
    since: datetime | None
    began_at: datetime | None
    events: list[EventShown]
    missing: list[Missing]


class StageCount(BaseModel):
    """How many journeys stand at a stage in a setting; closed ones by how they ended."""

    stage: Stage
    setting: Setting
    exit: Exit | None
    journeys: int
    oldest_since: datetime


class Counts(BaseModel):
    """Journeys by stage and setting, in the order of the path."""

    counts: list[StageCount]
    journeys: int
    open: int


class Silent(BaseModel):
    """A service that did not answer, so that what is shown lacks its part."""

    service: str
    because: str


class PartitionLag(BaseModel):
    """How far behind a consumer is in one partition."""

    partition: int
    next: int
    end: int
    records: int
    seconds: float
    status: Status
    trend: Trend
    clears_in: float | None
    observed_at: datetime


class ConsumerLag(BaseModel):
    """How far behind a service is in one topic: messages unread, and the age of the oldest in seconds.

    `clears_in` is in seconds, when it is catching up and its pace is known.
    """

    service: str
    topic: str
    records: int
    seconds: float
    status: Status
    trend: Trend
    clears_in: float | None
    partitions: list[PartitionLag]


class Lags(BaseModel):
    """How far behind every consumer is."""

    consumers: list[ConsumerLag]
    silent: list[Silent]


class Parked(TheirHeld):
    """An event that a service holds back, and why."""

    service: str


class ParkedDetail(TheirHeldDetail):
    """An event that a service holds back, with its headers and data."""

    service: str


class DeadLetter(TheirDeadLetter):
    """A message that a service could not tell to belong to any stream."""

    service: str


class Deadline(TheirDeadline):
    """A deadline of a service; parked when its handler failed too often."""

    service: str


T = TypeVar("T")


class Gathered(BaseModel, Generic[T]):
    """A page gathered from the services: at most `limit` items of each, oldest first. `next` asks for the following."""

    items: list[T]
    next: str | None = None
    silent: list[Silent]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.__doc__ = inspect.getdoc(cls)  # as a page says what it is
