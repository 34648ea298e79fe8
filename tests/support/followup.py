"""Follow-up in process: its API over a real database, the people who call it, and events for it to hear."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI
from sqlalchemy import text
from starlette.types import ASGIApp

from backbone.api import with_edge
from backbone.database import Database, UnitOfWork
from backbone.deadlines import DeadlineWatch
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.settings import Settings
from followup.app import build
from followup.reactions import DEADLINES, REACTIONS
from reliefpath import events
from reliefpath.envelope import Actor, Attributes, encode_data, encode_headers
from reliefpath.events import CATALOGUE, Event, Speaker, topic_of
from reliefpath.vocabulary import CourseKind, FacilityKind, Profile, Role, Setting, Urgency, facility_id
from stack.keys import Keys
from tests.support.emptying import counted, emptied

SENDER: Final = "oncology-north"
RECEIVER: Final = "pain-centre"
HOME: Final = "home-west"
PLAIN_HOME: Final = "home-plain"
FULL_HOME: Final = "home-full"
STRANGER: Final = "somewhere-else"
FACILITIES: Final[dict[str, tuple[FacilityKind, bool, tuple[str, ...]]]] = {
    SENDER: (FacilityKind.CLINIC, True, ()),
    RECEIVER: (FacilityKind.HOSPITAL, True, ("ultrasound",)),
    HOME: (FacilityKind.HOME_CARE, True, ("home_nursing", "home_pharmacy")),
    PLAIN_HOME: (FacilityKind.HOME_CARE, True, ()),
    FULL_HOME: (FacilityKind.HOME_CARE, False, ()),
    STRANGER: (FacilityKind.HOSPITAL, True, ()),
}


@dataclass
class Person:
    """Somebody who calls the API in one role for some facilities."""

    client: httpx2.AsyncClient
    token: str

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        """What they read."""
        return await self.client.get(path, params=query, headers={"Authorization": f"Bearer {self.token}"})

    async def shown(self, path: str, **query: Any) -> Any:
        """What they read, which must succeed."""
        answer = await self.get(path, **query)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(
        self, path: str, body: Any = None, *, version: int | str | None = "*", key: str | None = ""
    ) -> httpx2.Response:
        """What they do. `version` is the one they decided on; any, unless they say. Without a key when it is None."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key or str(uuid4())
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        return await self.client.post(path, json=body or {}, headers=headers)

    async def done(self, path: str, body: Any = None, **more: Any) -> Any:
        """What they do, which must succeed; what is shown afterwards."""
        answer = await self.post(path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()


@dataclass
class Story:
    """One course of one journey, and the events by which the referral service tells of it."""

    modality: str = "PNB"
    kind: CourseKind = CourseKind.TRIAL
    baseline: int | None = 8
    goal: int | None = None
    journey: UUID = field(default_factory=uuid4)
    referral: UUID = field(default_factory=uuid4)
    course: UUID = field(default_factory=uuid4)
    appointment: UUID = field(default_factory=uuid4)

    def about(self, event: type[events.AboutCourse], **more: Any) -> events.AboutCourse:
        """An event about the course."""
        return event(course=self.course, referral=self.referral, kind=self.kind, modality=self.modality, **more)

    def sent(self, to: str = RECEIVER) -> events.ReferralRequested:
        """The referral is sent."""
        return events.ReferralRequested(
            referral=self.referral,
            from_facility=facility_id(SENDER),
            to_facility=facility_id(to),
            setting=Setting.OUTPATIENT,
            clock_started_at=datetime(2026, 11, 1, tzinfo=UTC),
        )

    def requested(self) -> events.AboutCourse:
        """The course is wanted."""
        return self.about(
            events.CourseRequested,
            facility=facility_id(RECEIVER),
            urgency=Urgency.SOON,
            setting=Setting.OUTPATIENT,
            baseline_pain=self.baseline,
            personal_pain_goal=self.goal,
        )

    def booked(self, starts_at: datetime) -> events.AboutCourse:
        """The course has its time."""
        return self.about(events.CourseBooked, appointment=self.appointment, starts_at=starts_at)

    def performed(self, at: datetime) -> events.AboutCourse:
        """The course was performed."""
        return self.about(
            events.CoursePerformed,
            performed_at=at,
            facility=facility_id(RECEIVER),
            setting=Setting.OUTPATIENT,
            baseline_pain=self.baseline,
            personal_pain_goal=self.goal,
        )


class Place:
    """The service: its API, its people, what it said, and what it is told."""

    def __init__(self, app: FastAPI, client: httpx2.AsyncClient, keys: Keys, database: Database) -> None:
        self.app, self.client, self.keys, self.database = app, client, keys, database
        self._hearer = Hearer("followup", REACTIONS, tries=3)
        self._seqs: dict[tuple[Speaker, UUID], int] = {}

    def person(self, role: Role, *codes: str, **more: Any) -> Person:
        """Somebody in this role at these facilities."""
        token = self.keys.token(role, f"{role}-subject", [facility_id(code) for code in codes], **more)
        return Person(self.client, token)

    @property
    def coordinator(self) -> Person:
        return self.person(Role.COORDINATOR, RECEIVER)

    @property
    def clinician(self) -> Person:
        return self.person(Role.CLINICIAN, RECEIVER)

    @property
    def nurse(self) -> Person:
        return self.person(Role.HOME_NURSE, HOME)

    def patient(self, journey: UUID) -> Person:
        """The patient of a journey, with the link they were given."""
        return self.person(Role.PATIENT, journey=journey)

    @asynccontextmanager
    async def work(self, role: Role = Role.SYSTEM) -> AsyncIterator[UnitOfWork]:
        """A transaction as a consumer opens it."""
        async with self.database.unit_of_work(actor=Actor(role, "followup"), cause="consumer") as uow:
            yield uow

    async def hear(self, event: Event, stream: UUID, seq: int | None = None) -> dict[str, int]:
        """Tell the service of an event; how it was taken. It has the next `seq` of its speaker unless told another."""
        place = (event.speaker, stream)
        if seq is None:
            seq = self._seqs[place] = self._seqs.get(place, 0) + 1
        now = datetime.now(UTC)
        attributes = Attributes(
            uuid4(), event.type, event.speaker, stream, seq, now, "request:test", Actor(Role.SYSTEM, "other")
        )
        headers, at = encode_headers(attributes), int(now.timestamp() * 1000)
        message = Incoming(
            topic_of(event.speaker), 0, seq, str(stream).encode(), encode_data(event), tuple(headers), at
        )
        async with self.work() as uow:
            return {kind: n for kind, n in (await self._hearer.hear(uow, [message], carefully=True)).items() if n}

    async def tell(self, story: Story, *told: Event) -> None:
        """Tell the service of events of a journey, each of which must take effect."""
        for event in told:
            assert await self.hear(event, story.journey) == {"effect": 1}

    async def expected(self, **more: Any) -> Story:
        """A journey with a course that is wanted."""
        story = Story(**more)
        await self.tell(story, story.sent(), story.requested())
        return story

    async def performed(self, **more: Any) -> Story:
        """A journey with a course that was booked, and was performed just now."""
        story = await self.expected(**more)
        now = await self.database.now()
        await self.tell(story, story.booked(now), story.performed(now))
        return story

    async def trial(self, story: Story) -> Any:
        """The course's trial as a clinician sees it."""
        [found] = (await self.clinician.shown("/trials", course=str(story.course)))["items"]
        return await self.clinician.shown(f"/trials/{found['id']}")

    async def check_ins(self, story: Story, **query: Any) -> list[Any]:
        """The course's check-ins in order, as a coordinator sees them."""
        found = await self.coordinator.shown("/check-ins", course=str(story.course), limit=200, **query)
        return list(found["items"])

    async def answer(self, story: Story, *pains: int) -> None:
        """The next check-ins fall due one after the other, and are answered with these average pains."""
        for pain in pains:
            [check_in, *_] = await self.check_ins(story, state=["scheduled", "due", "missed"])
            await self.pass_until(datetime.fromisoformat(check_in["due_at"]))
            await self.patient(story.journey).done(f"/check-ins/{check_in['id']}/complete", {"average_pain": pain})

    async def said(self, stream: UUID) -> list[Event]:
        """What the service said in a stream, in order."""
        query = "SELECT headers, data FROM backbone.outbox WHERE stream = :stream ORDER BY id"
        rows = await self.rows(query, stream=stream)
        return [CATALOGUE[dict(json.loads(row["headers"]))["ce_type"]].model_validate_json(row["data"]) for row in rows]

    async def told(self, stream: UUID) -> list[str]:
        """The names of what the service said in a stream."""
        return [type(event).__name__ for event in await self.said(stream)]

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        async with self.database.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(text(query), values)]

    async def count(self) -> dict[str, int]:
        """How many rows there are, by table: to show that nothing was written."""
        return await counted(self.database, "followup")

    async def open_deadlines(self, story: Story) -> int:
        """How many deadlines of a journey are still to come."""
        query = "SELECT count(*) AS n FROM backbone.deadlines WHERE journey = :journey AND done_at IS NULL"
        [row] = await self.rows(query, journey=story.journey)
        return int(row["n"])

    async def pass_time(self, length: timedelta) -> None:
        """Shift the clock, and let every deadline be whose time has then come."""
        async with self.database.engine.begin() as connection:
            await connection.execute(text("UPDATE backbone.clock SET shift = shift + :length"), {"length": length})
        watch = DeadlineWatch(self.database, DEADLINES, "followup", 3)
        while await watch.take_one():
            pass

    async def pass_until(self, moment: datetime) -> None:
        """Shift the clock to just after a moment, unless it has passed."""
        await self.pass_time(max(moment - await self.database.now(), timedelta(0)) + timedelta(milliseconds=1))

    async def list_facilities(self) -> None:
        """The directory describes every facility."""
        for code, (kind, accepting, capabilities) in FACILITIES.items():
            listed = events.FacilityListed(
                facility=facility_id(code), code=code, kind=kind, accepting=accepting, capabilities=capabilities
            )
            await self.hear(listed, facility_id(code))


@cache
def _built() -> FastAPI:
    """Built once for all tests: it takes longer than most of them, and holds nothing of who is served."""
    return build()


@asynccontextmanager
async def serving(address: str, keys: Keys) -> AsyncIterator[Place]:
    """The API of follow-up over this database, emptied first, with every facility listed."""
    given: dict[str, Any] = {
        "profile": Profile.DEVELOPMENT,
        "database_followup": address,
        "issuer": keys.issuer,
        "audience": keys.audience,
        "jwks": str(keys.jwks),
    }
    app = _built()
    served: ASGIApp = with_edge(app, Settings(**given))
    database = Database(address, connections=6)
    await emptied(database, "followup")
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(served), base_url="http://followup") as client,
    ):
        place = Place(app, client, keys, database)
        await place.list_facilities()
        yield place
    await database.close()


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document an answer must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["type"].endswith("/" + code), found
    return found


def codes(found: dict[str, Any]) -> list[str]:
    """The codes of a problem's reasons."""
    return [reason["code"] for reason in found["errors"]]
