"""The scheduling service in process: its API over a real database, the people who call it, and what it is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI
from sqlalchemy import text

from backbone.api import with_edge
from backbone.database import Database, UnitOfWork
from backbone.deadlines import DeadlineWatch
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.settings import Settings
from reliefpath import events
from reliefpath.envelope import Actor, Attributes, encode_data, encode_headers
from reliefpath.events import CATALOGUE, Event, Speaker, topic_of
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Profile, Role, Setting, Urgency, facility_id
from scheduling.app import build
from scheduling.reactions import DEADLINES, REACTIONS
from stack.keys import Keys
from tests.support.emptying import emptied

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


@dataclass
class Person:
    """Somebody who calls the API in one role for some facilities."""

    client: httpx2.AsyncClient
    token: str

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        """What they read."""
        return await self.client.get(path, params=query, headers={"Authorization": f"Bearer {self.token}"})

    async def read(self, path: str, **query: Any) -> Any:
        """What they read, which must be there."""
        answer = await self.get(path, **query)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(
        self, path: str, body: Any = None, *, version: int | str | None = "*", key: str | None = None
    ) -> httpx2.Response:
        """What they do. `version` is the one they decided on; any, unless they say."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or str(uuid4())}
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        return await self.client.post(path, json=body or {}, headers=headers)

    async def put(self, path: str, body: Any, *, version: int | str | None = "*") -> httpx2.Response:
        """What they change."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        return await self.client.put(path, json=body, headers=headers)

    async def done(self, path: str, body: Any = None, **more: Any) -> Any:
        """What they do, which must succeed; what is shown afterwards."""
        answer = await self.post(path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()


class Place:
    """The service: its API, its people, what it said, and what it is told."""

    def __init__(self, client: httpx2.AsyncClient, keys: Keys, database: Database) -> None:
        self.client, self.keys, self.database = client, keys, database
        self.resources: dict[str, str] = {}
        self._hearer = Hearer("scheduling", REACTIONS, tries=3)
        self._seqs: dict[tuple[Speaker, UUID], int] = {}

    def person(self, role: Role, *codes: str, **more: Any) -> Person:
        """Somebody in this role at these facilities."""
        token = self.keys.token(role, f"{role}-subject", [facility_id(code) for code in codes], **more)
        return Person(self.client, token)

    @property
    def scheduler(self) -> Person:
        return self.person(Role.SCHEDULER, CENTRE)

    @property
    def clinician(self) -> Person:
        return self.person(Role.CLINICIAN, CENTRE)

    @property
    def operator(self) -> Person:
        return Person(self.client, self.keys.token(Role.OPERATIONS, "operator", ["*"]))

    def patient(self, journey: UUID | str) -> Person:
        """The patient of this journey."""
        return self.person(Role.PATIENT, journey=journey)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[UnitOfWork]:
        """A transaction as a consumer opens it."""
        async with self.database.unit_of_work(actor=Actor(Role.SYSTEM, "scheduling"), cause="consumer") as uow:
            yield uow

    def message(self, event: Event, stream: UUID | str, seq: int | None = None) -> Incoming:
        """An event as the consumer reads it, with the next `seq` of its speaker in the stream unless told another."""
        place = (event.speaker, UUID(str(stream)))
        if seq is None:
            seq = self._seqs[place] = self._seqs.get(place, 0) + 1
        now = datetime.now(UTC)
        attributes = Attributes(
            uuid4(), event.type, event.speaker, place[1], seq, now, "request:test", Actor(Role.SYSTEM, "other")
        )
        key, millis = str(stream).encode(), int(now.timestamp() * 1000)
        return Incoming(topic_of(event.speaker), 0, 0, key, encode_data(event), encode_headers(attributes), millis)

    async def hear(self, event: Event, stream: UUID | str, seq: int | None = None) -> dict[str, int]:
        """Tell the service of an event; how it was taken, by kind of outcome."""
        return await self.take(self.message(event, stream, seq))

    async def take(self, *messages: Incoming) -> dict[str, int]:
        """Have the service hear these messages in one transaction; how they were taken."""
        async with self.work() as uow:
            return {kind: n for kind, n in (await self._hearer.hear(uow, messages, carefully=True)).items() if n}

    async def said(self, stream: UUID | str) -> list[Event]:
        """What the service said in a stream, in order."""
        query = "SELECT headers, data FROM backbone.outbox WHERE stream = :stream ORDER BY id"
        rows = await self.rows(query, stream=UUID(str(stream)))
        return [CATALOGUE[dict(json.loads(one["headers"]))["ce_type"]].model_validate_json(one["data"]) for one in rows]

    async def told(self, stream: UUID | str) -> list[str]:
        """The names of what the service said in a stream."""
        return [type(event).__name__ for event in await self.said(stream)]

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        async with self.database.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(text(query), values)]

    async def value(self, query: str, **values: Any) -> Any:
        """The one value that stands there."""
        ((value,),) = [row.values() for row in await self.rows(query, **values)]
        return value

    async def now(self) -> datetime:
        """The one clock's time."""
        return await self.database.now()

    async def pass_time(self, length: timedelta) -> None:
        """Shift the clock, and let every deadline be whose time has then come."""
        async with self.database.engine.begin() as connection:
            await connection.execute(text("UPDATE backbone.clock SET shift = shift + :length"), {"length": length})
        watch = DeadlineWatch(self.database, DEADLINES, "scheduling", 3)
        while await watch.take_one():
            pass

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


@cache
def _built() -> FastAPI:
    """Built once for all tests: it takes longer than most of them, and holds nothing of who is served."""
    return build()


@asynccontextmanager
async def serving(address: str, keys: Keys) -> AsyncIterator[Place]:
    """The scheduling API over this database, emptied first, with the pain centre open day and night."""
    app = _built()
    settings = Settings(
        profile=Profile.DEVELOPMENT,
        database_scheduling=address,
        issuer=keys.issuer,
        audience=keys.audience,
        jwks=str(keys.jwks),
        database_connections=52,  # fifty at once should race for a slot, not for a connection
    )
    database = Database(address, connections=6)
    await emptied(database, "scheduling")
    served = with_edge(app, settings)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(served), base_url="http://scheduling") as client,
    ):
        place = Place(client, keys, database)
        await place.open_centre()
        yield place
    await database.close()
