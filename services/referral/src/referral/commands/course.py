"""One action on one course, by a person or by the service itself: lock, expect, facts, move, write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, require_visible
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from backbone.rows import new_id
from backbone.transitions import begin, expect, move
from referral.commands.attention import lapse
from referral.commands.facts import baseline, course_facts, known_of, sides_of
from referral.commands.journey import writing
from referral.commands.note import note
from referral.commands.referral import find as find_referral
from referral.lifecycle import COURSE, AttentionKind, CourseState, NoteKind
from referral.lifecycle import course as actions
from referral.rules.course import CourseFacts
from referral.rules.triage import antithrombotics
from referral.tables import Authorisation, Course, Decision, Referral
from reliefpath import events
from reliefpath.events import Event
from reliefpath.lifecycle import Command
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Setting, Side, Urgency, Verdict

About = TypeVar("About", bound=events.AboutCourse)

ANSWERED_BY: Final = {
    "judge": AttentionKind.REVIEW_DUE,
    "record-verdict": AttentionKind.REVIEW_DUE,
    "book": AttentionKind.APPOINTMENT_FELL_THROUGH,
}
"""What no longer needs a hand once this has been done to the course."""


@dataclass
class Step:
    """One action about to be done: the row, what is wanted, and everything that was looked at."""

    uow: UnitOfWork
    course: Course
    referral: Referral
    command: Any
    facts: CourseFacts
    authorisation: Authorisation | None
    antithrombotics: tuple[str, ...] = ()
    baseline_pain: int | None = None
    personal_pain_goal: int | None = None

    def note(self, kind: NoteKind, text: str | None) -> None:
        """Keep what the actor wrote."""
        note(self.uow, self.course.journey, self.referral.id, kind, text, course=self.course.id)

    def about(self, event: type[About], **more: Any) -> About:
        """An event about this course."""
        return event(
            course=self.course.id,
            referral=self.referral.id,
            kind=CourseKind(self.course.kind),
            modality=self.course.modality,
            **more,
        )


async def propose(uow: UnitOfWork, principal: Principal, command: actions.Propose, *, referral: UUID) -> Course:
    """Propose a modality to the patient of a referral. Raises NotFound, Refused."""
    row = await find_referral(uow, principal, referral)
    course = Course(
        id=new_id(),
        journey=row.journey,
        state=CourseState.PROPOSED,
        referral=row.id,
        kind=command.kind,
        modality=command.modality,
        follows=command.follows,
    )
    async with writing(uow, row.journey):
        step = await _prepare(uow, course, row, command)
        begin(
            uow,
            COURSE,
            course,
            "propose",
            step.facts,
            sides=sides_of(row, principal),
            command=command,
            events=lambda: [step.about(events.CourseProposed, follows=command.follows)],
            rules=modality_rules(course.modality),
        )
        await uow.session.flush()
        step.note(NoteKind.RATIONALE, command.rationale)
        step.note(NoteKind.WAIVER, command.waived_because)
    return course


async def find(uow: UnitOfWork, principal: Principal, id: UUID) -> tuple[Course, Referral]:
    """The course and its referral, their journey locked. Raises NotFound when there is none the caller may see."""
    journey = await uow.session.scalar(select(col(Course.journey)).where(col(Course.id) == id))
    if journey is None:
        raise NotFound("course")
    await require_visible(uow, principal, journey, "course")
    await uow.lock(journey)
    course = await uow.session.get_one(Course, id)
    return course, await uow.session.get_one(Referral, course.referral)


async def perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> Course:
    """Do one action for a person. Raises NotFound, Stale, Refused."""
    course, referral = await find(uow, principal, id)
    expect(course, expected)
    await advance(uow, course, referral, action, command, sides_of(referral, principal))
    return course


async def advance(
    uow: UnitOfWork,
    course: Course,
    referral: Referral,
    action: str,
    command: Any = None,
    sides: frozenset[Side] = frozenset(),
) -> None:
    """Do one action and what follows from it. For the service's own actions `command` is the event that led to them."""
    async with writing(uow, course.journey):
        step = await _prepare(uow, course, referral, command)
        given = command if isinstance(command, Command) else None
        move(
            uow,
            COURSE,
            course,
            action,
            step.facts,
            sides=sides,
            command=given,
            events=lambda: EFFECTS[action](step),
            reason=getattr(given, "reason_code", None),
            rules=modality_rules(course.modality) if action in ("request", "continue") else (),
        )
        await uow.session.flush()
        answered = ANSWERED_BY.get(action)
        if answered is not None:
            await lapse(uow, course.journey, [answered], subject=course.id)
        if course.state in COURSE.terminal:
            await lapse(uow, course.journey, subject=course.id)


async def _prepare(uow: UnitOfWork, course: Course, referral: Referral, command: Any) -> Step:
    authorisation = (
        await uow.session.execute(select(Authorisation).where(col(Authorisation.course) == course.id))
    ).scalar_one_or_none()
    average, goal = await baseline(uow, course.journey)
    return Step(
        uow=uow,
        course=course,
        referral=referral,
        command=command,
        facts=await course_facts(uow, course, referral),
        authorisation=authorisation,
        antithrombotics=antithrombotics(await known_of(uow, course.journey)),
        baseline_pain=average,
        personal_pain_goal=goal,
    )


def modality_rules(modality: str) -> tuple[str, ...]:
    """The record that describes a modality, if there is one."""
    record = Rulebook.load().modalities().get(modality)
    return () if record is None else (record.ref,)


def _agree(step: Step) -> Iterator[Event]:
    command: actions.Agree = step.command
    step.uow.session.add(
        Decision(
            journey=step.course.journey,
            course=step.course.id,
            goal=command.goal,
            options_discussed=list(command.options_discussed),
            risks_discussed=list(command.risks_discussed),
            leaflet=command.leaflet,
            decided_by=command.decided_by,
            personal_pain_goal=command.personal_pain_goal,
            recorded_by=step.uow.actor.subject,
            recorded_at=step.uow.now,
        )
    )
    step.course.personal_pain_goal = command.personal_pain_goal
    step.note(NoteKind.DECISION, command.note)
    yield step.about(events.CourseAgreed)


def _decline(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    yield step.about(events.CourseDeclined)


def _submit_authorisation(step: Step) -> Iterator[Event]:
    command: actions.SubmitAuthorisation = step.command
    step.uow.session.add(
        Authorisation(
            journey=step.course.journey,
            course=step.course.id,
            payer=command.payer,
            submission=command.submission,
            submitted_at=step.uow.now,
        )
    )
    yield step.about(events.AuthorisationSubmitted)


def _authorise(step: Step) -> Iterator[Event]:
    command: actions.Authorise = step.command
    answer = _authorisation(step)
    answer.outcome, answer.reference = "granted", command.reference
    answer.valid_until, answer.decided_at = command.valid_until, step.uow.now
    yield step.about(events.CourseAuthorised, valid_until=command.valid_until)


def _deny(step: Step) -> Iterator[Event]:
    answer = _authorisation(step)
    answer.outcome, answer.reason_code, answer.decided_at = "denied", step.command.reason_code, step.uow.now
    step.note(NoteKind.REASON, step.command.note)
    yield step.about(events.CourseDenied)


def _authorisation(step: Step) -> Authorisation:
    if step.authorisation is None:
        raise RuntimeError("a course that is being authorised has its authorisation")
    return step.authorisation


def _request(step: Step) -> Iterator[Event]:
    course, referral, command = step.course, step.referral, step.command
    course.baseline_pain = step.baseline_pain
    if course.personal_pain_goal is None:
        course.personal_pain_goal = step.personal_pain_goal
    course.setting = command.setting or referral.setting
    urgency = command.urgency or referral.urgency or referral.proposed_urgency or Urgency.ROUTINE
    yield step.about(
        events.CourseRequested,
        facility=referral.to_facility,
        urgency=Urgency(urgency),
        setting=Setting(course.setting),
        antithrombotics=step.antithrombotics,
        baseline_pain=course.baseline_pain,
        personal_pain_goal=course.personal_pain_goal,
        valid_until=step.facts.valid_until,
    )


def _book(step: Step) -> Iterator[Event]:
    booked: events.AppointmentBooked = step.command
    step.course.appointment, step.course.starts_at = booked.appointment, booked.starts_at
    yield step.about(events.CourseBooked, appointment=booked.appointment, starts_at=booked.starts_at)


def _unbook(step: Step) -> Iterator[Event]:
    gone: events.AboutAppointment = step.command
    step.course.appointment = step.course.starts_at = None
    yield step.about(events.CourseUnbooked, appointment=gone.appointment)


def _perform_it(step: Step) -> Iterator[Event]:
    fulfilled: events.AppointmentFulfilled = step.command
    step.course.performed_at = fulfilled.ended_at
    yield step.about(
        events.CoursePerformed,
        performed_at=fulfilled.ended_at,
        facility=fulfilled.facility,
        setting=Setting(step.course.setting or step.referral.setting),
        baseline_pain=step.course.baseline_pain,
        personal_pain_goal=step.course.personal_pain_goal,
    )


def _observe(step: Step) -> Iterator[Event]:
    yield step.about(events.CourseObserving)


def _review(step: Step) -> Iterator[Event]:
    due: events.TrialVerdictDue | events.ReassessmentDue = step.command
    step.course.review_due_at, step.course.suggested, step.course.relief = step.uow.now, due.suggested, due.relief
    yield step.about(events.CourseReviewDue)


def _judge(step: Step) -> Iterator[Event]:
    step.course.verdict = step.command.verdict
    step.note(NoteKind.VERDICT, step.command.note)
    yield step.about(events.CourseJudged, verdict=Verdict(step.command.verdict))


def _record_verdict(step: Step) -> Iterator[Event]:
    judged: events.TrialJudged = step.command
    course = step.course
    course.verdict, course.suggested, course.relief = judged.verdict, judged.suggested, judged.relief
    yield step.about(events.CourseJudged, verdict=judged.verdict)


def _go_on(step: Step) -> Iterator[Event]:
    step.note(NoteKind.OVERRIDE, step.command.override_reason)
    yield step.about(events.CourseContinued)


def _repeat(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    yield step.about(events.CourseRepeated)


def _escalate(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    yield step.about(events.CourseEscalated)


def _stop(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    yield step.about(events.CourseStopped)


def _abandon(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    yield step.about(events.CourseAbandoned, reason_code=step.command.reason_code)


EFFECTS: Final[dict[str, Callable[[Step], Iterator[Event]]]] = {
    "agree": _agree,
    "decline": _decline,
    "submit-authorisation": _submit_authorisation,
    "authorise": _authorise,
    "deny": _deny,
    "request": _request,
    "book": _book,
    "unbook": _unbook,
    "perform": _perform_it,
    "observe": _observe,
    "review": _review,
    "judge": _judge,
    "record-verdict": _record_verdict,
    "continue": _go_on,
    "repeat": _repeat,
    "escalate": _escalate,
    "stop": _stop,
    "abandon": _abandon,
}
"""What each action writes and says, once it is decided."""
