"""What the guards of an appointment look at. None always means that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from reliefpath.record import Modality
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Purpose, Urgency
from scheduling.rules.hours import Interval, Opening


class ResourceKind(StrEnum):
    """What sort of thing can be in one place only at a time."""

    ROOM = "room"
    CLINICIAN = "clinician"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class FacilityFacts:
    """The place where the appointment is to be, as the directory knows it."""

    id: UUID
    code: str
    capabilities: frozenset[str]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """A room, a clinician or a device of that place: what it can do, when it is open, and when it is taken already.

    `busy` leaves out what this very appointment holds.
    """

    id: UUID
    code: str
    kind: ResourceKind
    capabilities: frozenset[str] = frozenset()
    active: bool = True
    openings: tuple[Opening, ...] = ()
    busy: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldDecision:
    """What was last decided about one antithrombotic, together with its prescriber.

    held: it is left off after `last_dose_at`; otherwise the two discussed it and decided something else, and the
    procedure should not begin before `not_before`. `confirmed` names what was checked, such as a normal INR.
    """

    drug: str
    held: bool
    last_dose_at: datetime | None = None
    not_before: datetime | None = None
    form: str | None = None
    renal_impairment: bool | None = None
    confirmed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A time and the resources for it, as a command names them, and where in the command: `at` is a JSON pointer."""

    interval: Interval
    resources: tuple[UUID, ...]
    variant: str | None = None
    at: str = ""


class Wanting(Protocol):
    """A command that may name a slot."""

    @property
    def wanted(self) -> Wanted | None:
        """The slot, or None when it names none."""


@dataclass(frozen=True, slots=True)
class AppointmentFacts:
    """Everything the guards of an appointment look at.

    `slot` is the time that is reserved for it now. `resources` are all those of the facility; `elsewhere` are ids a
    command names that belong to another facility. `other_visits` are the patient's own, already reserved.
    """

    state: StrEnum
    now: datetime
    rulebook: Rulebook
    purpose: Purpose
    modality_code: str | None = None
    variant: str | None = None
    urgency: Urgency = Urgency.ROUTINE
    facility: FacilityFacts | None = None
    resources: tuple[ResourceFacts, ...] = ()
    elsewhere: frozenset[UUID] = frozenset()
    antithrombotics: tuple[str, ...] = ()
    decisions: Mapping[str, HoldDecision] = field(default_factory=dict)
    other_visits: tuple[Interval, ...] = ()
    valid_until: datetime | None = None
    see_by: datetime | None = None
    slot: Interval | None = None
    answer_by: datetime | None = None
    returns_to: StrEnum | None = None

    @property
    def modality(self) -> Modality | None:
        """The record of what is to be done; None for an assessment, and for a modality that no record describes."""
        return self.rulebook.modalities().get(self.modality_code) if self.modality_code is not None else None


def wanted_by(command: Wanting | None) -> Wanted | None:
    """The slot a command names, if there is a command and it names one."""
    return command.wanted if command is not None else None
