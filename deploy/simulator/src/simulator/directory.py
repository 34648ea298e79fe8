"""The simulator's part of the world: five places, what each can do, and the rooms, people and devices in them."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Final

from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FacilityKind, facility_id
from reliefpath_client import Refusal
from reliefpath_client.scheduling import FacilityGiven, Hours, ResourceGiven, ResourceKind
from simulator.people import Person

ONCOLOGY: Final = "ONCOLOGY"
PAIN_CLINIC: Final = "PAIN-CLINIC"
PAIN_CENTRE: Final = "PAIN-CENTRE"
HOME_EAST: Final = "HOME-EAST"
HOME_WEST: Final = "HOME-WEST"

TIMEZONE: Final = "Europe/Vienna"
OPENS, CLOSES = "08:00", "16:00"
KEPT_DIFFERENTLY: Final = "exists-differently"


@dataclass(frozen=True, slots=True)
class Resource:
    """A room, a clinician or a device. `gives` is the guidance a device gives."""

    code: str
    kind: ResourceKind
    gives: tuple[str, ...] = ()

    def given(self, weekdays: tuple[int, ...]) -> ResourceGiven:
        """As the directory takes it."""
        hours: list[Hours] = [{"weekday": day, "opens": OPENS, "closes": CLOSES} for day in weekdays]
        return {"code": self.code, "kind": self.kind, "capabilities": list(self.gives), "hours": hours}


@dataclass(frozen=True, slots=True)
class Facility:
    """A place. `tier` names what it can do, as the records describe tiers; `more` is what it can do besides."""

    code: str
    name: str
    kind: FacilityKind
    tier: str | None = None
    more: tuple[str, ...] = ()
    rooms: int = 0
    clinicians: int = 0
    devices: tuple[Resource, ...] = ()
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)

    @property
    def id(self) -> str:
        """Its id, which follows from its code."""
        return str(facility_id(self.code))

    def given(self) -> FacilityGiven:
        """As the directory takes it."""
        tiers = Rulebook.load().tiers()
        capabilities = {*(tiers[self.tier] if self.tier else ()), *self.more}
        return {
            "code": self.code,
            "name": self.name,
            "kind": self.kind.value,
            "capabilities": sorted(capabilities),
            "timezone": TIMEZONE,
        }

    def resources(self) -> Iterator[Resource]:
        """Everything in it that can be booked."""
        yield from (Resource(f"ROOM-{number}", "room") for number in range(1, self.rooms + 1))
        yield from (Resource(f"CLINICIAN-{number}", "clinician") for number in range(1, self.clinicians + 1))
        yield from self.devices


ULTRASOUND: Final = Resource("ULTRASOUND-1", "device", ("ultrasound",))
C_ARM: Final = Resource("C-ARM-1", "device", ("fluoroscopy",))
CT: Final = Resource("CT-1", "device", ("ct",))

FACILITIES: Final = (
    Facility(ONCOLOGY, "Hospital with an oncology ward", FacilityKind.HOSPITAL),
    Facility(PAIN_CLINIC, "Pain clinic", FacilityKind.CLINIC, "T2", rooms=3, clinicians=3, devices=(ULTRASOUND, C_ARM)),
    Facility(
        PAIN_CENTRE,
        "Pain centre of a large hospital",
        FacilityKind.HOSPITAL,
        "T4",
        rooms=4,
        clinicians=4,
        devices=(ULTRASOUND, C_ARM, CT),
    ),
    Facility(HOME_EAST, "Home-care team, east", FacilityKind.HOME_CARE, more=("home_nursing", "home_pharmacy")),
    Facility(HOME_WEST, "Home-care team, west", FacilityKind.HOME_CARE, more=("home_nursing", "home_pharmacy")),
)


async def list_everything(operator: Person) -> None:
    """Put all of it into the directory. What is there stays, also when somebody changed it meanwhile."""
    scheduling = operator.apis.scheduling
    for facility in FACILITIES:
        await _ensure(scheduling.facility_list(facility.given()))
        for resource in facility.resources():
            await _ensure(scheduling.resource_add(facility.id, resource.given(facility.weekdays)))


async def _ensure(listing: Awaitable[object]) -> None:
    try:
        await listing
    except Refusal as refusal:
        if KEPT_DIFFERENTLY not in refusal.codes:
            raise
