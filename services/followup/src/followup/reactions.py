"""What follow-up does when others speak, and when a deadline has come.

Everything it needs of a course is said by the referral service, in order; so nothing here waits for another speaker. An
event about a course not heard of before brings what it says of the course with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backbone.access import admit
from backbone.database import UnitOfWork
from backbone.deadlines import Deadline, Handler
from backbone.hearing import Reaction
from followup.commands import check_in as check_ins
from followup.commands import handover as handovers
from followup.commands import observation as observations
from followup.commands import trial as trials
from followup.commands.closing import close
from followup.commands.facility import keep_facility
from followup.commands.journey import is_closed, learn, note_closed
from followup.commands.series import DUE, UNANSWERED
from followup.tables import CheckIn, Handover, Observation, Trial
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import Event
from reliefpath.vocabulary import CourseKind

CLOSED_BECAUSE: Final[Mapping[type[Event], str]] = {
    events.PatientDied: "patient-died",
    events.ReferralCompleted: "referral-completed",
    events.ReferralDeclined: "referral-declined",
    events.ReferralWithdrawn: "referral-withdrawn",
    events.ReferralCancelled: "referral-cancelled",
    events.ReferralExpired: "referral-expired",
    events.ReferralEnteredInError: "referral-entered-in-error",
}
"""Every end of a journey, as the reason why what was open is closed."""


async def on_referral_requested(uow: UnitOfWork, heard: Heard) -> None:
    """A referral was sent, or goes on at another facility."""
    requested: Any = heard.event
    await learn(uow, heard.attributes.stream, requested)


async def on_referral_accepted(uow: UnitOfWork, heard: Heard) -> None:
    """Both sides of the referral are on the journey."""
    accepted: Any = heard.event
    await admit(uow, heard.attributes.stream, [accepted.from_facility, accepted.to_facility])


async def on_referral_reopened(uow: UnitOfWork, heard: Heard) -> None:
    """The journey goes on; what was closed stays closed."""
    await note_closed(uow, heard.attributes.stream, None)


async def on_closing(uow: UnitOfWork, heard: Heard) -> None:
    """The patient died, or the referral came to an end: what is open is closed, and nobody is reminded of anything."""
    await close(uow, heard.attributes.stream, CLOSED_BECAUSE[type(heard.event)])


async def on_ended(uow: UnitOfWork, heard: Heard) -> None:
    """What of an end belongs to the journey's row alone."""
    await note_closed(uow, heard.attributes.stream, CLOSED_BECAUSE[type(heard.event)])


async def on_course_requested(uow: UnitOfWork, heard: Heard) -> None:
    """A course is wanted: what it starts from is known now."""
    requested: Any = heard.event
    if not await is_closed(uow, heard.attributes.stream):
        await observations.expected(uow, heard.attributes.stream, requested)


async def on_course_booked(uow: UnitOfWork, heard: Heard) -> None:
    """A course has its time: a trial is planned for it, or moved there."""
    booked: Any = heard.event
    if await is_closed(uow, heard.attributes.stream):
        return
    observation = await observations.expected(uow, heard.attributes.stream, booked)
    if observation.kind == CourseKind.TRIAL and observation.performed_at is None:
        await trials.plan(uow, observation, booked.starts_at)


async def on_course_unbooked(uow: UnitOfWork, heard: Heard) -> None:
    """The time of a course fell through: its trial waits for another."""
    unbooked: Any = heard.event
    await trials.release(uow, unbooked.course)


async def on_course_performed(uow: UnitOfWork, heard: Heard) -> None:
    """A course was performed: its effect is watched from now on."""
    performed: Any = heard.event
    if await is_closed(uow, heard.attributes.stream):
        return
    observation = await observations.expected(uow, heard.attributes.stream, performed)
    await observations.start(uow, observation, performed)


async def on_course_judged(uow: UnitOfWork, heard: Heard) -> None:
    """A treatment was judged, so its observation is over.

    After a trial the contacts go on until it is decided what follows.
    """
    judged: Any = heard.event
    if judged.kind is CourseKind.TREATMENT:
        await _end(uow, judged, "course-judged")


async def on_course_over(uow: UnitOfWork, heard: Heard) -> None:
    """It was decided what follows a course, or it was given up: nothing about it is asked any more."""
    over: Any = heard.event
    await _end(uow, over, ENDED_BECAUSE[type(over)])


ENDED_BECAUSE: Final[Mapping[type[Event], str]] = {
    events.CourseContinued: "course-continued",
    events.CourseRepeated: "course-repeated",
    events.CourseEscalated: "course-escalated",
    events.CourseStopped: "course-stopped",
    events.CourseAbandoned: "course-abandoned",
}
"""Every end of a course, as the reason why its observation ends."""


async def on_facility_listed(uow: UnitOfWork, heard: Heard) -> None:
    """The directory describes a facility."""
    listed: Any = heard.event
    await keep_facility(uow, listed)


async def on_check_in_due(uow: UnitOfWork, deadline: Deadline) -> None:
    """It is time to ask."""
    row = await uow.session.get(CheckIn, deadline.subject)
    if row is not None:
        await check_ins.fall_due(uow, row)


async def on_check_in_unanswered(uow: UnitOfWork, deadline: Deadline) -> None:
    """Nobody answered in time."""
    row = await uow.session.get(CheckIn, deadline.subject)
    if row is not None:
        await check_ins.go_unanswered(uow, row)


async def on_trial_end(uow: UnitOfWork, deadline: Deadline) -> None:
    """A trial's time is over. If an answer is still awaited, the answer or its failing to come goes on from here."""
    row = await uow.session.get(Trial, deadline.subject)
    if row is not None:
        await trials.come_to_its_end(uow, row)


async def on_handover_unanswered(uow: UnitOfWork, deadline: Deadline) -> None:
    """The home team did not answer in time."""
    row = await uow.session.get(Handover, deadline.subject)
    if row is not None:
        handovers.time_out(uow, row)


async def _end(uow: UnitOfWork, about: events.AboutCourse, reason_code: str) -> None:
    observation = await uow.session.get(Observation, about.course)
    if observation is not None:
        await observations.end(uow, observation, reason_code)


REACTIONS: Final[Mapping[type[Event], Reaction]] = {
    events.ReferralRequested: on_referral_requested,
    events.ReferralAccepted: on_referral_accepted,
    events.ReferralReopened: on_referral_reopened,
    **dict.fromkeys(CLOSED_BECAUSE, on_closing),
    events.CourseRequested: on_course_requested,
    events.CourseBooked: on_course_booked,
    events.CourseUnbooked: on_course_unbooked,
    events.CoursePerformed: on_course_performed,
    events.CourseJudged: on_course_judged,
    **dict.fromkeys(ENDED_BECAUSE, on_course_over),
    events.FacilityListed: on_facility_listed,
}

DEADLINES: Final[Mapping[str, Handler]] = {
    DUE: on_check_in_due,
    UNANSWERED: on_check_in_unanswered,
    trials.END: on_trial_end,
    handovers.ANSWER: on_handover_unanswered,
}

READ_MODELS: Final[Mapping[str, Mapping[type[Event], Reaction]]] = {
    "facilities": {events.FacilityListed: on_facility_listed},
    "journeys": {
        events.ReferralRequested: on_referral_requested,
        events.ReferralReopened: on_referral_reopened,
        **dict.fromkeys(CLOSED_BECAUSE, on_ended),
    },
}
