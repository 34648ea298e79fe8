"""Follow-up in process: its people, the stories it is told, and how their time passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2

from followup.app import build
from followup.card import SERVICE
from reliefpath import events
from reliefpath.events import Event
from reliefpath.vocabulary import CourseKind, FacilityKind, Role, Setting, Urgency, facility_id
from stack.keys import Keys
from tests.support import place

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


class Place(place.Place):
    """Follow-up."""

    card = SERVICE

    @property
    def coordinator(self) -> place.Person:
        return self.person(Role.COORDINATOR, RECEIVER)

    @property
    def clinician(self) -> place.Person:
        return self.person(Role.CLINICIAN, RECEIVER)

    @property
    def nurse(self) -> place.Person:
        return self.person(Role.HOME_NURSE, HOME)

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
        [found] = (await self.clinician.read("/trials", course=str(story.course)))["items"]
        return await self.clinician.read(f"/trials/{found['id']}")

    async def check_ins(self, story: Story, **query: Any) -> list[Any]:
        """The course's check-ins in order, as a coordinator sees them."""
        found = await self.coordinator.read("/check-ins", course=str(story.course), limit=200, **query)
        return list(found["items"])

    async def answer(self, story: Story, *pains: int) -> None:
        """The next check-ins fall due one after the other, and are answered with these average pains."""
        for pain in pains:
            [check_in, *_] = await self.check_ins(story, state=["scheduled", "due", "missed"])
            await self.pass_until(datetime.fromisoformat(check_in["due_at"]))
            await self.patient(story.journey).done(f"/check-ins/{check_in['id']}/complete", {"average_pain": pain})

    async def open_deadlines(self, story: Story) -> int:
        """How many deadlines of a journey are still to come."""
        query = "SELECT count(*) FROM backbone.deadlines WHERE journey = :journey AND done_at IS NULL"
        return int(await self.value(query, journey=story.journey))

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


@asynccontextmanager
async def serving(address: str, keys: Keys) -> AsyncIterator[Place]:
    """The API of follow-up over this database, emptied first, with every facility listed."""
    async with place.opening(Place, build, address, keys) as running:
        await running.list_facilities()
        yield running


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
