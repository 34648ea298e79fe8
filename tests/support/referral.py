"""The referral service in process: its people, and what happens to a referral."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2

from referral.app import build
from referral.card import SERVICE
from reliefpath import events
from reliefpath.vocabulary import CourseKind, FacilityKind, Purpose, Role, Verdict, facility_id
from stack.keys import Keys
from tests.support import bundles, place

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


class Person(place.Person):
    """Somebody who calls the API, and may send a bundle."""

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


class Place(place.Place):
    """The referral service."""

    card = SERVICE

    def person(self, role: Role, *codes: str, **more: Any) -> Person:
        """Somebody in this role at these facilities."""
        return Person(self.client, super().person(role, *codes, **more).token)

    @property
    def referrer(self) -> Person:
        return self.person(Role.REFERRER, SENDER)

    @property
    def coordinator(self) -> Person:
        return self.person(Role.COORDINATOR, RECEIVER)

    @property
    def clinician(self) -> Person:
        return self.person(Role.CLINICIAN, RECEIVER)

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


@asynccontextmanager
async def serving(address: str, keys: Keys) -> AsyncIterator[Place]:
    """The referral API over this database, emptied first, with every facility listed."""
    async with place.opening(Place, build, address, keys) as running:
        await running.list_facilities()
        yield running
