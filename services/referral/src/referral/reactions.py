"""What the referral service does when others speak, and when a deadline has come.

A course follows what happens to its appointment and its observation. Speakers are not ordered against each other: what
cannot be yet waits by name for the word it lacks; what no longer matters, because the course has gone on or has ended,
is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from backbone.access import admit
from backbone.database import UnitOfWork
from backbone.deadlines import Deadline, Handler
from backbone.hearing import Awaits, Reaction
from referral.commands import course as courses
from referral.commands import referral as referrals
from referral.commands.attention import lapse, raise_attention
from referral.commands.closing import OVERDUE
from referral.commands.facility import keep_facility
from referral.commands.facts import open_referral
from referral.commands.journey import fold, writing
from referral.lifecycle import COURSE, REFERRAL, AttentionKind, CourseState, ReferralState
from referral.rules.clocks import Clock
from referral.tables import Course, Referral
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import CATALOGUE, Event, Speaker
from reliefpath.vocabulary import CourseKind

HANDOVERS: Final = (AttentionKind.HANDOVER_REFUSED, AttentionKind.HANDOVER_TIMED_OUT)
APPOINTMENTS: Final = (AttentionKind.APPOINTMENT_MISSED, AttentionKind.APPOINTMENT_FELL_THROUGH)
NOT_YET_DONE: Final = frozenset({CourseState.REQUESTED, CourseState.BOOKED})


async def on_appointment_booked(uow: UnitOfWork, heard: Heard) -> None:
    """A course has its time. What fell through before needs no hand any more."""
    booked: Any = heard.event
    course = await _course_of(uow, heard, booked.course)
    if course is not None and course.state == CourseState.REQUESTED:
        await _advance(uow, course, "book", booked)
    await lapse(uow, heard.attributes.stream, APPOINTMENTS, subject=_subject(booked))


async def on_appointment_gone(uow: UnitOfWork, heard: Heard) -> None:
    """A time fell through. Somebody looks when the patient did not come, or when nothing follows."""
    gone: Any = heard.event
    course = await _course_of(uow, heard, gone.course)
    if course is not None and course.state == CourseState.BOOKED and course.appointment == gone.appointment:
        await _advance(uow, course, "unbook", gone)
    referral = await open_referral(uow, heard.attributes.stream)
    wanted = course is None or course.state in COURSE.open_states
    if referral is None or not wanted:
        return
    if isinstance(gone, events.AppointmentMissed):
        await raise_attention(uow, referral, AttentionKind.APPOINTMENT_MISSED, _subject(gone))
    elif gone.successor is None:
        await raise_attention(uow, referral, AttentionKind.APPOINTMENT_FELL_THROUGH, _subject(gone))


async def on_appointment_fulfilled(uow: UnitOfWork, heard: Heard) -> None:
    """A procedure has been done."""
    fulfilled: Any = heard.event
    course = await _course_of(uow, heard, fulfilled.course)
    if course is not None and course.state == CourseState.BOOKED:
        await _advance(uow, course, "perform", fulfilled)


async def on_observation_begun(uow: UnitOfWork, heard: Heard) -> None:
    """Follow-up watches the effect: a trial runs, or check-ins are planned."""
    begun: Any = heard.event
    course = await _course_of(uow, heard, begun.course)
    if course is not None:
        await _observe(uow, course, begun)


async def on_review_due(uow: UnitOfWork, heard: Heard) -> None:
    """A trial's time is over, or the check-ins after a treatment are done: it is to be judged."""
    due: Any = heard.event
    course = await _course_of(uow, heard, due.course)
    if course is not None and await _observe(uow, course, due):
        await _advance(uow, course, "review", due)
        await _raise(uow, heard, AttentionKind.REVIEW_DUE, course.id)


async def on_trial_extended(uow: UnitOfWork, heard: Heard) -> None:
    """The trial runs longer, so nobody has to judge it yet."""
    extended: Any = heard.event
    await lapse(uow, heard.attributes.stream, [AttentionKind.REVIEW_DUE], subject=extended.course)


async def on_trial_judged(uow: UnitOfWork, heard: Heard) -> None:
    """A clinician judged the trial in follow-up; the decision what follows is taken here."""
    judged: Any = heard.event
    course = await _course_of(uow, heard, judged.course)
    if course is not None and course.kind == CourseKind.TRIAL and await _observe(uow, course, judged):
        await _advance(uow, course, "record-verdict", judged)
        await _raise(uow, heard, AttentionKind.DECISION_DUE, course.id)


async def on_check_in_lost(uow: UnitOfWork, heard: Heard) -> None:
    """Nobody answered, however often they were asked: a person has to look."""
    lost: Any = heard.event
    await _raise(uow, heard, AttentionKind.CHECK_IN_LOST, lost.check_in)


async def on_handover_offered(uow: UnitOfWork, heard: Heard) -> None:
    """A home team is asked to take over, so it has to see the journey."""
    offered: Any = heard.event
    await admit(uow, heard.attributes.stream, [offered.to_facility])
    await lapse(uow, heard.attributes.stream, HANDOVERS)


async def on_handover_refused(uow: UnitOfWork, heard: Heard) -> None:
    """The home team cannot take over."""
    refused: Any = heard.event
    await _raise(uow, heard, AttentionKind.HANDOVER_REFUSED, refused.handover)


async def on_handover_timed_out(uow: UnitOfWork, heard: Heard) -> None:
    """The home team did not answer."""
    late: Any = heard.event
    await _raise(uow, heard, AttentionKind.HANDOVER_TIMED_OUT, late.handover)


async def on_care_moved(uow: UnitOfWork, heard: Heard) -> None:
    """A home team took the patient over, or gave the care back."""
    moved: Any = heard.event
    referral = await uow.session.get(Referral, moved.referral)
    if referral is None or referral.journey != heard.attributes.stream:
        return
    async with writing(uow, referral.journey):
        uow.say(referral.journey, events.CareMoved(referral=referral.id, setting=moved.setting))
    await lapse(uow, referral.journey, HANDOVERS)


async def on_facility_listed(uow: UnitOfWork, heard: Heard) -> None:
    """The directory describes a facility."""
    listed: Any = heard.event
    await keep_facility(uow, listed)


async def on_own_word(uow: UnitOfWork, heard: Heard) -> None:
    """What this service itself said moves the journey's row: for a rebuild, as otherwise it moves as it is said."""
    await fold(uow, heard.attributes.stream, heard.event, heard.attributes.time)


async def on_unanswered(uow: UnitOfWork, deadline: Deadline) -> None:
    """Nobody took the referral up, or the sender never answered, within the time the records give.

    Care that the receiver has begun never ends by the clock alone: then a person is asked to look.
    """
    referral = await uow.session.get(Referral, deadline.subject)
    if referral is None or referral.state not in REFERRAL["expire"].sources:
        return
    if referral.returns_to in (ReferralState.ACCEPTED, ReferralState.ACTIVE):
        await raise_attention(uow, referral, AttentionKind.INFORMATION_OVERDUE, referral.id)
    else:
        await referrals.advance(uow, referral, "expire")


async def on_overdue(uow: UnitOfWork, deadline: Deadline) -> None:
    """A service level has passed: somebody at the receiver is asked to look."""
    referral = await uow.session.get(Referral, deadline.subject)
    if referral is not None and referral.state in REFERRAL.open_states:
        await raise_attention(uow, referral, OVERDUE[Clock(deadline.kind)], referral.id)


async def _course_of(uow: UnitOfWork, heard: Heard, id: UUID | None) -> Course | None:
    """The course an event is about, if it is one of its journey. Courses begin here, so none is ever waited for."""
    course = None if id is None else await uow.session.get(Course, id)
    return course if course is not None and course.journey == heard.attributes.stream else None


async def _advance(uow: UnitOfWork, course: Course, action: str, event: Event) -> None:
    referral = await uow.session.get_one(Referral, course.referral)
    await courses.advance(uow, course, referral, action, event)


async def _observe(uow: UnitOfWork, course: Course, event: Event) -> bool:
    """Whether the course is under observation, which follow-up's word implies once the procedure has been done.

    Raises Awaits while scheduling's word that it was done is still to come.
    """
    if course.state in NOT_YET_DONE:
        raise Awaits(f"scheduling.AppointmentFulfilled of course {course.id}")
    if course.state == CourseState.PERFORMED:
        await _advance(uow, course, "observe", event)
    return course.state == CourseState.OBSERVING


async def _raise(uow: UnitOfWork, heard: Heard, kind: AttentionKind, subject: UUID) -> None:
    referral = await open_referral(uow, heard.attributes.stream)
    if referral is not None:
        await raise_attention(uow, referral, kind, subject)


def _subject(appointment: Any) -> UUID:
    """What a fallen through appointment is about: its course, or the referral whose assessment it was."""
    return UUID(str(appointment.course or appointment.referral))


REACTIONS: Final[Mapping[type[Event], Reaction]] = {
    events.AppointmentBooked: on_appointment_booked,
    events.AppointmentCancelled: on_appointment_gone,
    events.AppointmentMissed: on_appointment_gone,
    events.AppointmentRescheduled: on_appointment_gone,
    events.AppointmentFulfilled: on_appointment_fulfilled,
    events.TrialStarted: on_observation_begun,
    events.ObservationStarted: on_observation_begun,
    events.TrialVerdictDue: on_review_due,
    events.TrialExtended: on_trial_extended,
    events.ReassessmentDue: on_review_due,
    events.TrialJudged: on_trial_judged,
    events.CheckInLost: on_check_in_lost,
    events.HandoverOffered: on_handover_offered,
    events.HandoverRefused: on_handover_refused,
    events.HandoverTimedOut: on_handover_timed_out,
    events.HandoverActivated: on_care_moved,
    events.HandoverReturned: on_care_moved,
    events.FacilityListed: on_facility_listed,
}

DEADLINES: Final[Mapping[str, Handler]] = {
    Clock.UNANSWERED: on_unanswered,
    Clock.INFORMATION: on_unanswered,
    Clock.TRIAGE: on_overdue,
    Clock.ASSESSMENT: on_overdue,
}

READ_MODELS: Final[Mapping[str, Mapping[type[Event], Reaction]]] = {
    "facilities": {events.FacilityListed: on_facility_listed},
    "journeys": dict.fromkeys((one for one in CATALOGUE.values() if one.speaker is Speaker.REFERRAL), on_own_word),
}
