"""What the API takes for the directory, and what it shows. Commands on appointments stand in `lifecycle`."""

from __future__ import annotations

from datetime import datetime, time
from itertools import pairwise
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, WithJsonSchema, model_validator

from backbone.actions import AllowedAction
from reliefpath.lifecycle import Command, Finding
from reliefpath.vocabulary import Code, CourseKind, FacilityKind, Purpose, Role, Setting, Urgency
from reliefpath.wording import Codes, Line
from scheduling.lifecycle import AppointmentState
from scheduling.rules.facts import ResourceKind
from scheduling.rules.hours import MIDNIGHT


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA list, such as Europe/Berlin") from None
    return name


Timezone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
"""A time zone by its IANA name."""


def _without_offset(given: time) -> time:
    if given.tzinfo is not None:
        raise ValueError("opening hours are local times, without an offset")
    return given


LocalTime = Annotated[
    time,
    AfterValidator(_without_offset),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"}),
]
"""A time of day wherever the facility is. What OpenAPI calls a `time` has an offset."""


class Hours(Command):
    """Open every week on one day, 1 Monday to 7 Sunday, local time. Closing at 00:00 means the end of that day."""

    weekday: int = Field(ge=1, le=7)
    opens: LocalTime
    closes: LocalTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.opens >= self.closes != MIDNIGHT:
            raise ValueError("it closes before it opens")
        return self


class FacilityChange(Command):
    """A facility as it is to be from now on."""

    kind: FacilityKind
    name: Line | None = None
    capabilities: Codes = ()
    accepting: bool = True
    timezone: Timezone = "UTC"


class FacilityGiven(FacilityChange):
    """A facility to be listed. Its id follows from its code."""

    code: Code


class ResourceChange(Command):
    """A resource as it is to be from now on.

    `capabilities` of a device, or of a room with one built in, name the guidance it gives: `ultrasound`, `fluoroscopy`…
    """

    kind: ResourceKind
    label: Line | None = None
    capabilities: Codes = ()
    hours: Annotated[tuple[Hours, ...], Field(max_length=50)]
    active: bool = True

    @model_validator(mode="after")
    def _no_hour_twice(self) -> Self:
        for earlier, later in pairwise(sorted(self.hours, key=lambda one: (one.weekday, one.opens))):
            if earlier.weekday == later.weekday and (earlier.closes == MIDNIGHT or later.opens < earlier.closes):
                raise ValueError("opening hours of one day overlap")
        return self


class ResourceGiven(ResourceChange):
    """A resource to be added to a facility. Its code is its own within the facility."""

    code: Code


class FacilityShown(BaseModel):
    """A facility of the directory."""

    id: UUID
    version: int
    code: str
    name: str | None
    kind: FacilityKind
    capabilities: list[str]
    accepting: bool
    timezone: str


class ResourceShown(BaseModel):
    """A resource of a facility."""

    id: UUID
    version: int
    facility: UUID
    code: str
    label: str | None
    kind: ResourceKind
    capabilities: list[str]
    hours: list[Hours]
    active: bool


class ReservedShown(BaseModel):
    """A resource in a slot."""

    id: UUID
    code: str
    label: str | None = None
    kind: ResourceKind


class SlotShown(BaseModel):
    """A slot that can be had, in the form in which it is booked: `resources` holds ids."""

    starts_at: datetime
    ends_at: datetime
    minutes: int
    resources: list[UUID]
    codes: list[str]


class SlotsShown(BaseModel):
    """Slots that can be had, and what stands against any slot at all. `earliest` follows from decisions on drugs."""

    slots: list[SlotShown]
    unmet: list[Finding] = []
    advice: list[Finding] = []
    earliest: datetime | None = None


class HoldShown(BaseModel):
    """One antithrombotic before this procedure: what the records ask for, what was decided, what follows from it.

    `asks` is unknown when no record says anything. `hours_before` is how long it is left off, by the strictest rule
    that may apply.
    """

    drug: str
    asks: Literal["nothing", "perhaps_a_decision", "a_decision", "a_hold", "unknown"]
    hours_before: float | None
    needs: list[str]
    rules: list[str]
    decided: Literal["hold", "discussion"] | None
    last_dose_at: datetime | None = None
    not_before: datetime | None = None
    form: str | None = None
    renal_impairment: bool | None = None
    confirmed: list[str] = []
    earliest: datetime | None = None


class AppointmentSummary(BaseModel):
    """An appointment in a list.

    `see_by` is until when the service level asks for it; `needs_outcome` says that its time is over and nobody has
    said what became of it.
    """

    id: UUID
    version: int
    state: AppointmentState
    journey: UUID
    referral: UUID
    purpose: Purpose
    course: UUID | None
    kind: CourseKind | None
    modality: str | None
    facility: UUID
    urgency: Urgency
    setting: Setting
    see_by: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    answer_by: datetime | None
    replaces: UUID | None
    needs_outcome: bool
    requested_at: datetime


class AppointmentShown(AppointmentSummary):
    """An appointment with everything about it, and what the caller may do."""

    variant: str | None
    antithrombotics: list[str]
    valid_until: datetime | None
    resources: list[ReservedShown]
    holds: list[HoldShown]
    replaced_by: UUID | None
    cancelled_by: Role | None
    reason_code: str | None
    allowed_actions: list[AllowedAction]
