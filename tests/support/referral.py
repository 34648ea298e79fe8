"""The referral service in process: its API over a real database, the people who call it, and events for it to hear."""

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
from starlette.types import ASGIApp

from backbone.api import with_edge
from backbone.database import Database, UnitOfWork
from backbone.deadlines import DeadlineWatch
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.settings import Settings
from referral.app import build
from referral.reactions import DEADLINES, REACTIONS
from reliefpath import events
from reliefpath.envelope import Actor, Attributes, encode_data, encode_headers
from reliefpath.events import CATALOGUE, Event, Speaker, topic_of
from reliefpath.vocabulary import CourseKind, FacilityKind, Profile, Purpose, Role, Verdict, facility_id
from stack.keys import WHOLE_NETWORK, Keys
from tests.support import bundles
from tests.support.emptying import counted, emptied

SENDER: Final = "oncology-north"
RECEIVER: Final = "pain-centre"
LARGER: Final = "university-pain"
CLOSED: Final = "pain-closed"
HOME: Final = "home-team"
STRANGER: Final = "somewhere-else"
FACILITIES: Final = {
    SENDER: (FacilityKind.CLINIC, True),
    RECEIVER: (FacilityKind.HOSPITAL, True),
    LARGER: (FacilityKind.HOSPITAL, True),
    CLOSED: (FacilityKind.HOSPITAL, False),
    HOME: (FacilityKind.HOME_CARE, True),
    STRANGER: (FacilityKind.CLINIC, True),
}

FACTS: Final = [
    {"kind": "diagnosis", "display": "Pancreatic cancer", "current": True, "on": "2026-06-01"},
    {"kind": "pain_score", "value": 7, "unit": "{score}", "on": "2026-11-20"},
]

AGREED: Final = {
    "goal": "Walk the dog again.",
    "options_discussed": ["none", "PNB"],
    "risks_discussed": ["bleeding", "no-effect"],
    "leaflet": "blocks-v3",
    "personal_pain_goal": 3,
}


def draft(**more: Any) -> dict[str, Any]:
    """A referral as somebody writes it by hand, about a person nobody else is about."""
    return {
        "patient": {
            "identifiers": [{"system": "urn:mrn", "value": str(uuid4())}],
            "family": "Doe",
            "given": ["Jane"],
            "birth_date": "1950-03-04",
        },
        "to": RECEIVER,
        "setting": "outpatient",
        "reason_code": "refractory-cancer-pain",
        "facts": FACTS,
        **more,
    }


def small_bundle(**more: Any) -> dict[str, Any]:
    """A bundle with a patient, an identifier of their own, a diagnosis and a pain score."""
    who = bundles.patient(identifier=[{"system": "urn:mrn", "value": str(uuid4())}], **more)
    return bundles.bundle(
        who,
        bundles.condition("Malignant neoplasm of pancreas"),
        bundles.observation("72514-3", 7, "{score}"),
        with_patient=False,
    )


@dataclass
class Person:
    """Somebody who calls the API in one role for some facilities."""

    client: httpx2.AsyncClient
    token: str

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        """What they read."""
        return await self.client.get(path, params=query, headers={"Authorization": f"Bearer {self.token}"})

    async def post(
        self, path: str, body: Any = None, *, version: int | str | None = "*", key: str | None = None, **query: Any
    ) -> httpx2.Response:
        """What they do. `version` is the one they decided on; any, unless they say."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or str(uuid4())}
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        return await self.client.post(path, json=body or {}, headers=headers, params=query)

    async def done(self, path: str, body: Any = None, **more: Any) -> Any:
        """What they do, which must succeed; what is shown afterwards."""
        answer = await self.post(path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def intake(
        self,
        content: bytes,
        *,
        media: str = "application/fhir+json",
        encoding: str | None = None,
        key: str | None = "",
        **query: Any,
    ) -> httpx2.Response:
        """A bundle they send."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media}
        if key is not None:
            headers["Idempotency-Key"] = key or str(uuid4())
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        asked = {"to": RECEIVER, "reason_code": "refractory-cancer-pain", "setting": "outpatient", **query}
        return await self.client.post("/intake", content=content, headers=headers, params=asked)


class Place:
    """The service: its API, its people, what it said, and what it is told."""

    def __init__(self, app: FastAPI, client: httpx2.AsyncClient, keys: Keys, database: Database) -> None:
        self.app, self.client, self.keys, self.database = app, client, keys, database
        self._hearer = Hearer("referral", REACTIONS, tries=3)
        self._seqs: dict[tuple[Speaker, UUID], int] = {}

    def person(self, role: Role, *codes: str, **more: Any) -> Person:
        """Somebody in this role at these facilities."""
        token = self.keys.token(role, f"{role}-subject", [facility_id(code) for code in codes], **more)
        return Person(self.client, token)

    def everywhere(self, role: Role) -> Person:
        """Somebody who oversees the whole network."""
        return Person(self.client, self.keys.token(role, f"{role}-subject", [WHOLE_NETWORK]))

    @property
    def referrer(self) -> Person:
        return self.person(Role.REFERRER, SENDER)

    @property
    def coordinator(self) -> Person:
        return self.person(Role.COORDINATOR, RECEIVER)

    @property
    def clinician(self) -> Person:
        return self.person(Role.CLINICIAN, RECEIVER)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[UnitOfWork]:
        """A transaction as a consumer opens it."""
        async with self.database.unit_of_work(actor=Actor(Role.SYSTEM, "referral"), cause="consumer") as uow:
            yield uow

    def message(self, event: Event, stream: UUID, seq: int | None = None) -> Incoming:
        """An event as the consumer reads it, with the next `seq` of its speaker in the stream unless told another."""
        place = (event.speaker, stream)
        if seq is None:
            seq = self._seqs[place] = self._seqs.get(place, 0) + 1
        now = datetime.now(UTC)
        attributes = Attributes(
            uuid4(), event.type, event.speaker, stream, seq, now, "request:test", Actor(Role.SYSTEM, "other")
        )
        return Incoming(
            topic_of(event.speaker),
            0,
            0,
            str(stream).encode(),
            encode_data(event),
            encode_headers(attributes),
            int(now.timestamp() * 1000),
        )

    async def hear(self, event: Event, stream: UUID | str, seq: int | None = None) -> dict[str, int]:
        """Tell the service of an event; how it was taken, by kind of outcome."""
        return await self.take(self.message(event, UUID(str(stream)), seq))

    async def take(self, *messages: Incoming) -> dict[str, int]:
        """Have the service hear these messages in one transaction; how they were taken."""
        async with self.work() as uow:
            return {kind: n for kind, n in (await self._hearer.hear(uow, messages, carefully=True)).items() if n}

    async def said(self, stream: UUID | str | None = None) -> list[Event]:
        """What the service said, in order; in one stream or in all."""
        query = "SELECT headers, data FROM backbone.outbox WHERE stream = :stream OR CAST(:stream AS uuid) IS NULL"
        rows = await self.rows(query + " ORDER BY id", stream=None if stream is None else UUID(str(stream)))
        return [_decode(row["headers"], row["data"]) for row in rows]

    async def told(self, stream: UUID | str) -> list[str]:
        """The names of what the service said in a stream."""
        return [type(event).__name__ for event in await self.said(stream)]

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        async with self.database.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(text(query), values)]

    async def count(self) -> dict[str, int]:
        """How many rows there are, by table: to show that nothing was written."""
        return await counted(self.database, "referral")

    async def pass_time(self, length: timedelta) -> None:
        """Shift the clock, and let every deadline be whose time has then come."""
        async with self.database.engine.begin() as connection:
            await connection.execute(text("UPDATE backbone.clock SET shift = shift + :length"), {"length": length})
        watch = DeadlineWatch(self.database, DEADLINES, "referral", 3)
        while await watch.take_one():
            pass

    async def list_facilities(self) -> None:
        """The directory describes every facility."""
        listed = [
            events.FacilityListed(facility=facility_id(code), code=code, kind=kind, accepting=accepting)
            for code, (kind, accepting) in FACILITIES.items()
        ]
        await self.take(*(self.message(one, one.facility) for one in listed))

    async def requested(self, **more: Any) -> dict[str, Any]:
        """A referral written by hand and sent."""
        made = await self.referrer.done("/referrals", draft(**more), version=None)
        return await self.referrer.done(f"/referrals/{made['id']}/send")  # type: ignore[no-any-return]  # a JSON object

    async def accepted(self, **more: Any) -> dict[str, Any]:
        """A referral that the receiver accepted although something is missing."""
        sent = await self.requested(**more)
        await self.coordinator.done(f"/referrals/{sent['id']}/receive")
        body = {"urgency": "urgent", "override_reason": "seen by phone"}
        return await self.coordinator.done(f"/referrals/{sent['id']}/accept", body)  # type: ignore[no-any-return]  # JSON

    async def active(self, **more: Any) -> dict[str, Any]:
        """A referral whose patient was assessed."""
        taken = await self.accepted(**more)
        body = {"average_pain": 7, "worst_pain": 9, "personal_pain_goal": 3, "setting": "outpatient"}
        return await self.clinician.done(f"/referrals/{taken['id']}/assess", body)  # type: ignore[no-any-return]  # JSON

    async def proposed(self, referral: str, kind: str = "trial", modality: str = "PNB", **more: Any) -> dict[str, Any]:
        """A course that a clinician proposed."""
        body = {"kind": kind, "modality": modality, **more}
        return await self.clinician.done(f"/referrals/{referral}/courses", body, version=None)  # type: ignore[no-any-return]  # JSON

    async def asked(self, referral: str, kind: str = "trial", modality: str = "PNB", **more: Any) -> dict[str, Any]:
        """A course that was agreed, authorised and asked for at scheduling."""
        course = await self.proposed(referral, kind, modality, **more)
        url = f"/courses/{course['id']}"
        await self.clinician.done(f"{url}/agree", AGREED)
        await self.coordinator.done(f"{url}/submit-authorisation", {"payer": "fund"})
        await self.coordinator.done(f"{url}/authorise", {"reference": "A-1", "valid_until": "2099-01-01T00:00:00Z"})
        return await self.coordinator.done(f"{url}/request")  # type: ignore[no-any-return]  # JSON

    async def booked(self, course: dict[str, Any]) -> UUID:
        """An appointment that scheduling booked for a course."""
        appointment = uuid4()
        await self.hear(self.booking(course, appointment), course["journey"])
        return appointment

    def booking(self, course: dict[str, Any], appointment: UUID) -> events.AppointmentBooked:
        """Scheduling's word that a course has its time."""
        now = datetime.now(UTC)
        return events.AppointmentBooked(
            **self.about(course, appointment),
            facility=facility_id(RECEIVER),
            starts_at=now + timedelta(days=2),
            ends_at=now + timedelta(days=2, hours=1),
        )

    def fulfilment(self, course: dict[str, Any], appointment: UUID) -> events.AppointmentFulfilled:
        """Scheduling's word that a course's procedure took place."""
        about = self.about(course, appointment)
        return events.AppointmentFulfilled(**about, facility=facility_id(RECEIVER), ended_at=datetime.now(UTC))

    def about(self, course: dict[str, Any], appointment: UUID) -> dict[str, Any]:
        """What every word about a course's appointment tells."""
        return {
            "appointment": appointment,
            "referral": UUID(course["referral"]),
            "purpose": Purpose.PROCEDURE,
            "course": UUID(course["id"]),
        }

    async def performed(self, referral: str, kind: str = "trial", modality: str = "PNB", **more: Any) -> dict[str, Any]:
        """A course that has been done."""
        course = await self.asked(referral, kind, modality, **more)
        appointment = await self.booked(course)
        await self.hear(self.fulfilment(course, appointment), course["journey"])
        return course

    async def review(self, course: dict[str, Any]) -> None:
        """Follow-up's word that a treatment is to be judged now."""
        about: dict[str, Any] = {"course": UUID(course["id"])}
        begun = events.ObservationStarted(**about, kind=CourseKind.TREATMENT, check_ins=3)
        await self.hear(begun, course["journey"])
        due = events.ReassessmentDue(**about, suggested=Verdict.NO_DATA, completed=0, planned=3)
        await self.hear(due, course["journey"])

    async def course(self, course: dict[str, Any]) -> dict[str, Any]:
        """A course as its clinician sees it now."""
        return (await self.clinician.get(f"/courses/{course['id']}")).json()  # type: ignore[no-any-return]  # JSON


def _decode(headers: str, data: bytes) -> Event:
    kind = dict(json.loads(headers))["ce_type"]
    return CATALOGUE[kind].model_validate_json(data)


@cache
def _built() -> FastAPI:
    """Built once for all tests: it takes longer than most of them, and holds nothing of who is served."""
    return build()


@asynccontextmanager
async def serving(address: str, keys: Keys, **settings: Any) -> AsyncIterator[Place]:
    """The referral API over this database, emptied first, with every facility listed."""
    given: dict[str, Any] = {
        "profile": Profile.DEVELOPMENT,
        "database_referral": address,
        "issuer": keys.issuer,
        "audience": keys.audience,
        "jwks": str(keys.jwks),
        **settings,
    }
    app = _built()
    served: ASGIApp = with_edge(app, Settings(**given))
    database = Database(address, connections=6)
    await emptied(database, "referral")
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(served), base_url="http://referral") as client,
    ):
        place = Place(app, client, keys, database)
        await place.list_facilities()
        yield place
    await database.close()
