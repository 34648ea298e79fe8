"""The scheduling service in process: its people, the pain centre they book at, and what it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2

from backbone.database import Database
from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Role, Setting, Urgency, facility_id
from scheduling.app import build
from scheduling.card import SERVICE
from stack.keys import Keys
from tests.support import place

SENDER: Final = "oncology-north"
CENTRE: Final = "pain-centre"
CLINIC: Final = "pain-clinic"
STRANGER: Final = "somewhere-else"

ALWAYS: Final = [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(1, 8)]
EVERYTHING: Final = sorted({code for one in Rulebook.load().tiers().values() for code in one})
RESOURCES: Final = {
    "room-1": ("room", []),
    "room-2": ("room", []),
    "dr-1": ("clinician", []),
    "dr-2": ("clinician", []),
    "c-arm": ("device", ["fluoroscopy"]),
    "ultrasound": ("device", ["ultrasound"]),
}


class Place(place.Place):
    """The scheduling service."""

    card = SERVICE

    def __init__(self, client: httpx2.AsyncClient, keys: Keys, database: Database) -> None:
        super().__init__(client, keys, database)
        self.resources: dict[str, str] = {}

    @property
    def scheduler(self) -> place.Person:
        return self.person(Role.SCHEDULER, CENTRE)

    @property
    def clinician(self) -> place.Person:
        return self.person(Role.CLINICIAN, CENTRE)

    @property
    def operator(self) -> place.Person:
        return self.everywhere(Role.OPERATIONS)

    async def now(self) -> datetime:
        """The one clock's time."""
        return await self.database.now()

    async def open_centre(self, hours: Any = ALWAYS) -> None:
        """List the pain centre, which can do everything, with two rooms, two clinicians and two devices."""
        body = {"code": CENTRE, "kind": "hospital", "capabilities": EVERYTHING, "timezone": "Europe/Vienna"}
        centre = await self.scheduler.done("/facilities", body, version=None)
        for code, (kind, gives) in RESOURCES.items():
            body = {"code": code, "kind": kind, "capabilities": gives, "hours": hours}
            shown = await self.scheduler.done(f"/facilities/{centre['id']}/resources", body, version=None)
            self.resources[code] = shown["id"]

    async def requested(self, journey: UUID | None = None, **more: Any) -> dict[str, Any]:
        """An assessment that somebody has to find a time for."""
        journey = journey or uuid4()
        await self.hear(accepted(**more), journey)
        return await self.only(journey)

    async def procedure(self, journey: UUID | None = None, **more: Any) -> dict[str, Any]:
        """A procedure that somebody has to find a time for."""
        journey = journey or uuid4()
        await self.hear(course(**more), journey)
        return await self.only(journey)

    async def only(self, journey: UUID | str, **query: Any) -> dict[str, Any]:
        """The one open appointment of a journey, as its scheduler sees it."""
        states = ["requested", "waitlisted", "offered", "booked", "confirmed", "arrived", "in_progress"]
        listed = await self.scheduler.read("/appointments", journey=str(journey), state=states, **query)
        (one,) = listed["items"]
        shown: dict[str, Any] = await self.scheduler.read(f"/appointments/{one['id']}")
        return shown

    async def slot(self, hours: float = 24, minutes: int = 60, *codes: str, **more: Any) -> dict[str, Any]:
        """A slot so many hours ahead, with the first room and clinician unless others are named."""
        starts_at = (await self.now() + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        named = [self.resources[code] for code in codes or ("room-1", "dr-1")]
        return {"starts_at": starts_at.isoformat(), "minutes": minutes, "resources": named, **more}

    async def booked(self, hours: float = 24, **more: Any) -> dict[str, Any]:
        """An assessment that is booked so many hours ahead."""
        made = await self.requested(**more)
        shown: dict[str, Any] = await self.scheduler.done(f"/appointments/{made['id']}/book", await self.slot(hours))
        return shown


def accepted(**more: Any) -> events.ReferralAccepted:
    """A referral that the pain centre accepted."""
    return events.ReferralAccepted(
        **{
            "referral": uuid4(),
            "from_facility": facility_id(SENDER),
            "to_facility": facility_id(CENTRE),
            "urgency": Urgency.URGENT,
            "setting": Setting.OUTPATIENT,
            **more,
        }
    )


def course(**more: Any) -> events.CourseRequested:
    """A course that is to be booked at the pain centre: a trial of spinal cord stimulation."""
    return events.CourseRequested(
        **{
            "course": uuid4(),
            "referral": uuid4(),
            "kind": CourseKind.TRIAL,
            "modality": "SCS",
            "facility": facility_id(CENTRE),
            "urgency": Urgency.URGENT,
            "setting": Setting.HOSPITAL,
            **more,
        }
    )


@asynccontextmanager
async def serving(address: str, keys: Keys) -> AsyncIterator[Place]:
    """The scheduling API over this database, emptied first, with the pain centre open day and night."""
    enough = 52  # fifty at once should race for a slot, not for a connection
    async with place.opening(Place, build, address, keys, database_connections=enough) as running:
        await running.open_centre()
        yield running
