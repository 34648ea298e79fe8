"""Made-up appointments for pure tests: a Monday, a pain centre, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from reliefpath.lifecycle import Finding, Guard
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FACILITY_NAMESPACE, Purpose, facility_id
from scheduling.lifecycle import AppointmentState
from scheduling.rules.facts import AppointmentFacts, FacilityFacts, HoldDecision, ResourceFacts, ResourceKind, Wanted
from scheduling.rules.hours import Interval, Opening

NOW: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)
"""A Monday, before anything opens."""
CODE: Final = "pain-centre"
EVERYTHING: Final = frozenset(code for one in Rulebook.load().tiers().values() for code in one)
WORKING_DAYS: Final = tuple(Opening(day, time(8), time(16)) for day in range(1, 6))


def at(hour: float, day: int = 0) -> datetime:
    """A time on that Monday, or so many days after it."""
    return NOW.replace(hour=0) + timedelta(days=day, hours=hour)


def between(start: float, end: float, day: int = 0) -> Interval:
    """A stretch of that Monday, or of a day so many days after it, in hours."""
    return Interval(at(start, day), at(end, day))


def id_of(code: str) -> UUID:
    """The id of a resource with this code."""
    return uuid5(FACILITY_NAMESPACE, code)


def resource(code: str, kind: ResourceKind, *gives: str, **more: Any) -> ResourceFacts:
    """A resource that is open on working days from 8 to 16."""
    return ResourceFacts(id_of(code), code, kind, frozenset(gives), **{"openings": WORKING_DAYS, **more})


def room(code: str = "room-1", *gives: str, **more: Any) -> ResourceFacts:
    """A room."""
    return resource(code, ResourceKind.ROOM, *gives, **more)


def clinician(code: str = "dr-1", **more: Any) -> ResourceFacts:
    """A clinician."""
    return resource(code, ResourceKind.CLINICIAN, **more)


def device(code: str = "c-arm", *gives: str, **more: Any) -> ResourceFacts:
    """A device, a C-arm unless it gives something else."""
    return resource(code, ResourceKind.DEVICE, *(gives or ("fluoroscopy",)), **more)


def centre(*capabilities: str, zone: str = "UTC") -> FacilityFacts:
    """A place that can do these things, or everything."""
    return FacilityFacts(facility_id(CODE), CODE, frozenset(capabilities) or EVERYTHING, ZoneInfo(zone))


def facts(**more: Any) -> AppointmentFacts:
    """An assessment that is asked for at a centre with one room and one clinician."""
    given: dict[str, Any] = {
        "state": AppointmentState.REQUESTED,
        "now": NOW,
        "rulebook": Rulebook.load(),
        "purpose": Purpose.ASSESSMENT,
        "facility": centre(),
        "resources": (room(), clinician()),
    }
    return AppointmentFacts(**{**given, **more})


def procedure(modality: str = "SCS", **more: Any) -> AppointmentFacts:
    """A procedure that is asked for at a centre with one room, one clinician and a C-arm."""
    given = {"purpose": Purpose.PROCEDURE, "modality_code": modality, "resources": (room(), clinician(), device())}
    return facts(**{**given, **more})


@dataclass(frozen=True)
class Wish:
    """A command that names a slot."""

    wanted: Wanted | None


def wish(start: float = 9, end: float = 10, *codes: str, day: int = 0, **more: Any) -> Wish:
    """A slot on that Monday, or so many days after it, with the room and the clinician unless others are named."""
    ids = tuple(id_of(code) for code in codes or ("room-1", "dr-1"))
    return Wish(Wanted(between(start, end, day), ids, **more))


def held(drug: str, hour: float, day: int = 0, **more: Any) -> dict[str, HoldDecision]:
    """That a drug is left off after this time, as what was decided."""
    return {drug: HoldDecision(drug, True, last_dose_at=at(hour, day), **more)}


def found(guard: Guard, facts: AppointmentFacts, command: object = None) -> list[Finding]:
    """Everything a guard finds."""
    return list(guard(facts, command))


def codes(guard: Guard, facts: AppointmentFacts, command: object = None) -> list[str]:
    """The codes of everything a guard finds."""
    return [one.code for one in found(guard, facts, command)]
