"""What Reliefpath itself does: asks for an appointment when one is needed, and closes those that no longer are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines
from backbone.transitions import begin, move
from reliefpath import events
from reliefpath.vocabulary import Purpose
from scheduling.commands.allocation import give_back
from scheduling.commands.appointment import about, requested, rules_of
from scheduling.commands.facts import bare_facts
from scheduling.lifecycle import APPOINTMENT, OPEN
from scheduling.rules.appointment import see_by
from scheduling.tables import Appointment


async def request_assessment(uow: UnitOfWork, journey: UUID, accepted: events.ReferralAccepted) -> None:
    """Ask for a first visit. One that is asked for already is enough."""
    if await _open(uow, journey, referral=accepted.referral, purpose=Purpose.ASSESSMENT):
        return
    await _request(
        uow,
        journey=journey,
        referral=accepted.referral,
        purpose=Purpose.ASSESSMENT,
        facility=accepted.to_facility,
        urgency=accepted.urgency,
        setting=accepted.setting,
        antithrombotics=sorted(set(accepted.antithrombotics)),
    )


async def request_procedure(uow: UnitOfWork, journey: UUID, course: events.CourseRequested) -> None:
    """Ask for a procedure. One that is asked for already is enough."""
    if await _open(uow, journey, course=course.course):
        return
    await _request(
        uow,
        journey=journey,
        referral=course.referral,
        purpose=Purpose.PROCEDURE,
        course=course.course,
        kind=course.kind,
        modality=course.modality,
        facility=course.facility,
        urgency=course.urgency,
        setting=course.setting,
        antithrombotics=sorted(set(course.antithrombotics)),
        valid_until=course.valid_until,
    )


async def wind_down(
    uow: UnitOfWork,
    journey: UUID,
    reason_code: str,
    *,
    referral: UUID | None = None,
    course: UUID | None = None,
) -> None:
    """Close what is open in a journey, or in one referral or course of it: quietly, and nothing takes its place."""
    for row in await _open(uow, journey, referral=referral, course=course):
        said = events.AppointmentCancelled(**about(row), by=uow.actor.role, reason_code=reason_code)
        move(
            uow,
            APPOINTMENT,
            row,
            "wind-down",
            bare_facts(row, uow.now),
            events=[said],
            reason=reason_code,
        )
        row.cancelled_by, row.reason_code, row.answer_by = uow.actor.role, reason_code, None
        await cancel_deadlines(uow, subject=row.id)
        await give_back(uow, row.id)
    await uow.session.flush()


async def _request(uow: UnitOfWork, **wanted: Any) -> None:
    row = Appointment(**wanted, state=APPOINTMENT["request"].target)
    facts = bare_facts(row, uow.now)
    promise = see_by(facts.rulebook, facts.urgency, facts.purpose, uow.now)
    row.see_by = promise[0] if promise is not None else None
    rules = (*rules_of(facts), *((promise[1],) if promise is not None else ()))
    begin(uow, APPOINTMENT, row, "request", facts, events=[requested(row)], rules=rules)
    await uow.session.flush()


async def _open(
    uow: UnitOfWork,
    journey: UUID,
    *,
    referral: UUID | None = None,
    course: UUID | None = None,
    purpose: Purpose | None = None,
) -> Iterable[Appointment]:
    statement = select(Appointment).where(col(Appointment.journey) == journey, col(Appointment.state).in_(list(OPEN)))
    for column, value in (
        (col(Appointment.referral), referral),
        (col(Appointment.course), course),
        (col(Appointment.purpose), purpose),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return list((await uow.session.execute(statement)).scalars())
