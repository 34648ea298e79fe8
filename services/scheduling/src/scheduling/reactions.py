"""What the scheduling service does when others speak, and when a deadline has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backbone.access import admit
from backbone.database import UnitOfWork
from backbone.deadlines import Deadline, Handler, cancel_deadlines
from backbone.hearing import Reaction
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import Event
from scheduling.commands.appointment import OFFER_RUNS_OUT, lapse_offer
from scheduling.commands.request import request_assessment, request_procedure, wind_down

CLOSINGS: Final[Mapping[type[Event], str]] = {
    events.ReferralCompleted: "referral-completed",
    events.ReferralDeclined: "referral-declined",
    events.ReferralRedirected: "referral-redirected",
    events.ReferralWithdrawn: "referral-withdrawn",
    events.ReferralCancelled: "referral-cancelled",
    events.ReferralExpired: "referral-expired",
    events.ReferralEnteredInError: "referral-entered-in-error",
}
"""After these, nothing of the referral is wanted any more, and why."""

ENDS: Final[Mapping[type[Event], str]] = {
    events.CourseDeclined: "course-declined",
    events.CourseAbandoned: "course-abandoned",
}
"""After these, nothing of the course is wanted any more, and why."""


async def on_referral_accepted(uow: UnitOfWork, heard: Heard) -> None:
    """Both facilities may see the journey here, and somebody has to find a time for the first visit."""
    accepted: Any = heard.event
    journey = heard.attributes.stream
    await admit(uow, journey, {accepted.from_facility, accepted.to_facility})
    await request_assessment(uow, journey, accepted)


async def on_course_requested(uow: UnitOfWork, heard: Heard) -> None:
    """The facility of the course may see the journey here, and somebody has to find a time for the procedure."""
    course: Any = heard.event
    journey = heard.attributes.stream
    await admit(uow, journey, {course.facility})
    await request_procedure(uow, journey, course)


async def on_course_ended(uow: UnitOfWork, heard: Heard) -> None:
    """Close what is open of the course."""
    ended: Any = heard.event
    await wind_down(uow, heard.attributes.stream, ENDS[type(ended)], course=ended.course)


async def on_referral_closed(uow: UnitOfWork, heard: Heard) -> None:
    """Close what is open of the referral. What a child of it asked for goes on."""
    closed: Any = heard.event
    await wind_down(uow, heard.attributes.stream, CLOSINGS[type(closed)], referral=closed.referral)


async def on_patient_died(uow: UnitOfWork, heard: Heard) -> None:
    """Close whatever is open in the journey, and remind nobody of anything."""
    await wind_down(uow, heard.attributes.stream, "patient-died")
    await cancel_deadlines(uow, journey=heard.attributes.stream)


async def on_handover_accepted(uow: UnitOfWork, heard: Heard) -> None:
    """The home team that takes the patient over may see when they are expected where."""
    accepted: Any = heard.event
    await admit(uow, heard.attributes.stream, {accepted.to_facility})


async def on_offer_runs_out(uow: UnitOfWork, deadline: Deadline) -> None:
    """Nobody answered the offer: its slot is free again, and somebody has to find another."""
    await lapse_offer(uow, deadline.subject)


REACTIONS: Final[Mapping[type[Event], Reaction]] = {
    events.ReferralAccepted: on_referral_accepted,
    events.CourseRequested: on_course_requested,
    events.HandoverAccepted: on_handover_accepted,
    events.PatientDied: on_patient_died,
    **dict.fromkeys(ENDS, on_course_ended),
    **dict.fromkeys(CLOSINGS, on_referral_closed),
}

DEADLINES: Final[Mapping[str, Handler]] = {OFFER_RUNS_OUT: on_offer_runs_out}
