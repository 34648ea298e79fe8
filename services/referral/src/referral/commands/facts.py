"""Gathering what guards look at: the facts of a referral or a course, and the side the caller stands on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal
from backbone.database import UnitOfWork
from referral.intake.completeness import missing
from referral.intake.facts import Fact, FactKind, NotUnderstood
from referral.lifecycle import COURSE, REFERRAL, CourseState, ReferralState
from referral.rules.course import CourseFacts, Judged
from referral.rules.referral import Destination, ReferralFacts
from referral.rules.triage import propose_urgency
from referral.tables import Assessment, Authorisation, Course, Facility, Patient, Referral
from referral.tables import Fact as FactRow
from referral.tables import NotUnderstood as NotUnderstoodRow
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Side, Verdict

IN_CARE = frozenset({ReferralState.ACCEPTED, ReferralState.ACTIVE})


def sides_of(referral: Referral, principal: Principal) -> frozenset[Side]:
    """The sides of a referral on which the caller's facilities stand: one, both or none."""
    sides = set()
    if referral.from_facility in principal.facilities:
        sides.add(Side.SENDER)
    if referral.to_facility in principal.facilities:
        sides.add(Side.RECEIVER)
    return frozenset(sides)


async def known_of(uow: UnitOfWork, journey: UUID) -> tuple[Fact, ...]:
    """Everything that sources said about the patient of this journey, in the order in which it was listed."""
    statement = select(FactRow).where(col(FactRow.journey) == journey)
    rows = (await uow.session.execute(statement.order_by(col(FactRow.position), col(FactRow.id)))).scalars()
    return tuple(fact_of(row) for row in rows)


def fact_of(row: FactRow) -> Fact:
    """A row as the fact it keeps."""
    return Fact(
        kind=FactKind(row.kind),
        code=row.code,
        system=row.system,
        display=row.display,
        value=row.words if row.value is None else row.value,
        unit=row.unit,
        at=row.at,
        day=row.day,
        current=row.current,
        source=row.source,
        path=row.path,
        extra=row.extra,
    )


async def not_understood_of(uow: UnitOfWork, journey: UUID) -> tuple[NotUnderstood, ...]:
    """What intake could not read of this journey's bundle."""
    statement = select(NotUnderstoodRow).where(col(NotUnderstoodRow.journey) == journey)
    rows = (await uow.session.execute(statement.order_by(col(NotUnderstoodRow.position)))).scalars()
    return tuple(
        NotUnderstood(
            type=row.type,
            reason=row.reason,
            code=row.code,
            text=row.text,
            count=row.count,
            examples=tuple(row.examples),
        )
        for row in rows
    )


async def referral_facts(
    uow: UnitOfWork,
    referral: Referral,
    sides: frozenset[Side],
    *,
    facts: Sequence[Fact] | None = None,
    destination: Facility | None = None,
) -> ReferralFacts:
    """The facts of a referral for one caller. `destination` is where it would be redirected to.

    What is missing is judged as of the day the referral was sent: it does not grow while the referral waits.
    """
    facts = await known_of(uow, referral.journey) if facts is None else tuple(facts)
    rulebook = Rulebook.load()
    unknown = await not_understood_of(uow, referral.journey)
    patient = await uow.session.get_one(Patient, referral.patient)
    courses = await open_courses(uow, referral.journey)
    returns_to = None if referral.returns_to is None else ReferralState(referral.returns_to)
    if destination is None and referral.state == ReferralState.DRAFT:
        destination = await uow.session.get(Facility, referral.to_facility)
    return ReferralFacts(
        state=ReferralState(referral.state),
        returns_to=returns_to,
        now=uow.now,
        rulebook=rulebook,
        sides=sides,
        cancellation_by=None if referral.cancellation_by is None else Side(referral.cancellation_by),
        missing=missing(facts, unknown, _day_of(uow, referral), rulebook, reason=bool(referral.reason_code)),
        proposal=propose_urgency(facts, referral.signs, rulebook),
        open_courses=tuple(f"{course.modality} ({course.kind}), {course.state}" for course in courses),
        destination=None if destination is None else _destination(destination, referral),
        alive=not patient.died,
        was_sent=referral.clock_started_at is not None,
        in_care=returns_to in IN_CARE,
    )


async def course_facts(uow: UnitOfWork, course: Course, referral: Referral) -> CourseFacts:
    """The facts of a course, also of one that is only being proposed."""
    authorisation = (
        await uow.session.execute(select(Authorisation).where(col(Authorisation.course) == course.id))
    ).scalar_one_or_none()
    predecessor = None if course.follows is None else await uow.session.get(Course, course.follows)
    if predecessor is not None and predecessor.journey != course.journey:
        predecessor = None
    average_pain, _ = await baseline(uow, course.journey)
    return CourseFacts(
        state=CourseState(course.state),
        now=uow.now,
        rulebook=Rulebook.load(),
        kind=CourseKind(course.kind),
        modality=course.modality,
        referral_state=referral.state,
        referral_is_active=referral.state == ReferralState.ACTIVE,
        trials=await judged_trials(uow, course.journey),
        follows=course.follows,
        predecessor_is_open=None if predecessor is None else predecessor.state in COURSE.open_states,
        valid_until=None if authorisation is None else authorisation.valid_until,
        baseline_pain=average_pain,
        review_is_due=course.review_due_at is not None,
        verdict=None if course.verdict is None else Verdict(course.verdict),
    )


async def open_courses(uow: UnitOfWork, journey: UUID) -> list[Course]:
    """The courses of a journey that have not come to an end."""
    statement = select(Course).where(col(Course.journey) == journey, col(Course.state).in_(list(COURSE.open_states)))
    return list((await uow.session.execute(statement.order_by(col(Course.id)))).scalars())


async def judged_trials(uow: UnitOfWork, journey: UUID) -> tuple[Judged, ...]:
    """The trials of a journey that were judged."""
    statement = select(Course).where(
        col(Course.journey) == journey, col(Course.kind) == CourseKind.TRIAL, col(Course.verdict).is_not(None)
    )
    rows = (await uow.session.execute(statement.order_by(col(Course.id)))).scalars()
    return tuple(
        Judged(row.modality, Verdict(row.verdict), row.state == CourseState.CONTINUED)
        for row in rows
        if row.verdict is not None
    )


async def baseline(uow: UnitOfWork, journey: UUID) -> tuple[int | None, int | None]:
    """The newest average pain and the newest personal pain goal that an assessment of this journey holds."""
    statement = select(Assessment).where(col(Assessment.journey) == journey)
    newest_first = statement.order_by(col(Assessment.recorded_at).desc(), col(Assessment.id).desc())
    rows = (await uow.session.execute(newest_first)).scalars().all()
    average = next((row.average_pain for row in rows if row.average_pain is not None), None)
    goal = next((row.personal_pain_goal for row in rows if row.personal_pain_goal is not None), None)
    return average, goal


async def open_referral(uow: UnitOfWork, journey: UUID) -> Referral | None:
    """The referral of a journey that is going on; a journey has at most one."""
    statement = select(Referral).where(
        col(Referral.journey) == journey, col(Referral.state).in_(list(REFERRAL.open_states))
    )
    return (await uow.session.execute(statement.order_by(col(Referral.id).desc()).limit(1))).scalar_one_or_none()


def _day_of(uow: UnitOfWork, referral: Referral) -> date:
    return referral.as_of or (referral.clock_started_at or uow.now).date()


def _destination(facility: Facility, referral: Referral) -> Destination:
    elsewhere = referral.state != ReferralState.DRAFT
    return Destination(facility.code, facility.accepting, elsewhere and facility.id == referral.to_facility)
