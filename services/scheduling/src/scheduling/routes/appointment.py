"""Appointments over HTTP: the worklist, one appointment, its slots, and every action of the table."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, Principal, require_role
from backbone.actions import add_action_routes, etag, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.paging import CursorText, Limit, Page, page_of
from reliefpath.lifecycle import Command, Finding
from reliefpath.vocabulary import Instant, Purpose, Role
from scheduling.commands.appointment import find_slots, perform, shown_slot
from scheduling.commands.facts import appointment_facts, sides_of
from scheduling.lifecycle import APPOINTMENT, AppointmentState
from scheduling.queries.appointment import Filter, list_appointments, read_appointment, show_appointment
from scheduling.rules.appointment import SLOT_GUARDS
from scheduling.rules.holds import earliest_safe
from scheduling.rules.hours import Interval
from scheduling.schemas import AppointmentShown, AppointmentSummary, SlotsShown
from scheduling.tables import Appointment

READERS: Final = (
    Role.SCHEDULER,
    Role.COORDINATOR,
    Role.CLINICIAN,
    Role.REFERRER,
    Role.HOME_NURSE,
    Role.PATIENT,
    Role.INTEGRATION,
)
"""Who may read an appointment, with what is held before it."""

router = APIRouter(tags=["appointments"])


@router.get("/appointments", responses=PROBLEM_RESPONSES, operation_id="appointments")
async def appointments(
    request: Request,
    response: Response,
    principal: Caller,
    facility: UUID | None = None,
    journey: UUID | None = None,
    referral: UUID | None = None,
    course: UUID | None = None,
    state: Annotated[list[AppointmentState] | None, Query(description="May be given several times.")] = None,
    purpose: Purpose | None = None,
    starts_from: Instant | None = None,
    starts_until: Instant | None = None,
    needs_outcome: bool | None = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[AppointmentSummary]:
    """The appointments the caller may see, the most pressing first.

    What presses is until when the service level asks for them.
    """
    require_role(principal, *READERS)
    wanted = Filter(
        facility=facility,
        journey=journey,
        referral=referral,
        course=course,
        states=tuple(state or ()),
        purpose=purpose,
        starts_from=starts_from,
        starts_until=starts_until,
        needs_outcome=needs_outcome,
    )
    async with unit_of_work(request, principal) as uow:
        items, places = await list_appointments(uow, principal, wanted, cursor, limit)
    return page_of(request, response, items, places, limit)


@router.get("/appointments/{id}", responses=PROBLEM_RESPONSES, operation_id="appointment")
async def appointment(request: Request, response: Response, principal: Caller, id: UUID) -> AppointmentShown:
    """One appointment, with what the caller may do and what still stands in the way."""
    require_role(principal, *READERS)
    async with unit_of_work(request, principal) as uow:
        shown = await _shown(uow, principal, await read_appointment(uow, principal, id))
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.get("/appointments/{id}/slots", responses=PROBLEM_RESPONSES, operation_id="appointment_slots")
async def slots(
    request: Request,
    principal: Caller,
    id: UUID,
    minutes: Annotated[int, Query(ge=1, le=1440, description="How long it is to last.")],
    start: Annotated[Instant | None, Query(alias="from", description="Not before; now when left out.")] = None,
    days: Annotated[int, Query(ge=1, le=92, description="How many days ahead to look.")] = 14,
    most: Annotated[int, Query(ge=1, le=100, description="Most slots to propose.")] = 10,
) -> SlotsShown:
    """The first slots at which all that is needed is open and free, ready to be booked.

    With them comes what stands against any.
    """
    require_role(principal, *READERS)
    async with unit_of_work(request, principal) as uow:
        row = await read_appointment(uow, principal, id)
        facts = await appointment_facts(uow, row)
        begin = max(start, uow.now) if start is not None else uow.now
        within = Interval(begin, begin + timedelta(days=days))
        found = await find_slots(uow, row, timedelta(minutes=minutes), within, most)
        against: list[Finding] = [finding for guard in SLOT_GUARDS for finding in guard(facts, None)]
    return SlotsShown(
        slots=[shown_slot(one) for one in found],
        unmet=[one for one in against if not one.advisory],
        advice=[one for one in against if one.advisory],
        earliest=earliest_safe(facts),
    )


async def act(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> AppointmentShown:
    """Do an action, and show what became of the appointment."""
    return await _shown(uow, principal, await perform(uow, principal, id, action, command, expected))


async def _shown(uow: UnitOfWork, principal: Principal, row: Appointment) -> AppointmentShown:
    facts = await appointment_facts(uow, row)
    return await show_appointment(uow, principal, row, facts, sides_of(principal, row))


add_action_routes(router, APPOINTMENT, path="/appointments/{id}", perform=act, shown=AppointmentShown)
