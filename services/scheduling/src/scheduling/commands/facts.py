"""Gathering what guards look at, and the side the caller stands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlmodel import col

from backbone.access import Principal
from backbone.database import UnitOfWork
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Purpose, Role, Side, Urgency
from scheduling.lifecycle import HOLDING, TO_COME, AppointmentState
from scheduling.rules.facts import (
    AppointmentFacts,
    FacilityFacts,
    HoldDecision,
    ResourceFacts,
    ResourceKind,
    Wanted,
)
from scheduling.rules.hours import Interval, Opening
from scheduling.tables import Appointment, Facility, Hold, OpeningHours, Resource


def sides_of(principal: Principal, row: Appointment) -> frozenset[Side]:
    """The receiver is the facility of the appointment; the patient stands on both sides of their own."""
    if principal.role is Role.PATIENT:
        return frozenset(Side)
    return frozenset({Side.RECEIVER if row.facility in principal.facilities else Side.SENDER})


def slot_of(row: Appointment) -> Interval | None:
    """The time that is reserved for it."""
    return Interval(row.starts_at, row.ends_at) if row.starts_at is not None and row.ends_at is not None else None


def bare_facts(row: Appointment, now: datetime) -> AppointmentFacts:
    """What its own row says: enough for actions that no guard watches."""
    return AppointmentFacts(
        state=AppointmentState(row.state),
        now=now,
        rulebook=Rulebook.load(),
        purpose=Purpose(row.purpose),
        modality_code=row.modality,
        variant=row.variant,
        urgency=Urgency(row.urgency),
        antithrombotics=tuple(row.antithrombotics),
        valid_until=row.valid_until,
        see_by=row.see_by,
        slot=slot_of(row),
        answer_by=row.answer_by,
    )


async def appointment_facts(
    uow: UnitOfWork, row: Appointment, wanted: Wanted | None = None, *, within: Interval | None = None
) -> AppointmentFacts:
    """The facts of an appointment.

    What its facility's resources are taken for is gathered for the wanted slot, or for all the time `within`.
    """
    facts = bare_facts(row, uow.now)
    within = within or (wanted.interval if wanted is not None else None)
    resources = await _resources(uow, row, within) if row.state in TO_COME else ()
    known = {one.id for one in resources}
    named = [one for one in wanted.resources if one not in known] if wanted is not None else []
    return replace(
        facts,
        facility=await _facility(uow, row.facility),
        resources=resources,
        elsewhere=await _existing(uow, named),
        decisions=await decisions_of(uow, row.id),
        other_visits=await _other_visits(uow, row),
    )


async def decisions_of(uow: UnitOfWork, appointment: UUID) -> dict[str, HoldDecision]:
    """What was last decided about each drug."""
    rows = await uow.session.execute(
        select(Hold).where(col(Hold.appointment) == appointment).order_by(col(Hold.decided_at), col(Hold.id))
    )
    return {
        row.drug: HoldDecision(
            drug=row.drug,
            held=row.held,
            last_dose_at=row.last_dose_at,
            not_before=row.not_before,
            form=row.form,
            renal_impairment=row.renal_impairment,
            confirmed=frozenset(row.confirmed),
        )
        for row in rows.scalars()
    }


async def _facility(uow: UnitOfWork, id: UUID) -> FacilityFacts | None:
    row = await uow.session.get(Facility, id)
    if row is None:
        return None
    return FacilityFacts(row.id, row.code, frozenset(row.capabilities), ZoneInfo(row.timezone))


async def _resources(uow: UnitOfWork, row: Appointment, within: Interval | None) -> tuple[ResourceFacts, ...]:
    rows = (
        await uow.session.execute(
            select(Resource).where(col(Resource.facility) == row.facility).order_by(col(Resource.code))
        )
    ).scalars()
    found = list(rows)
    openings = await _openings(uow, [one.id for one in found])
    busy = await _busy(uow, row, within) if within is not None else {}
    return tuple(
        ResourceFacts(
            id=one.id,
            code=one.code,
            kind=ResourceKind(one.kind),
            capabilities=frozenset(one.capabilities),
            active=one.active,
            openings=tuple(openings.get(one.id, ())),
            busy=tuple(busy.get(one.id, ())),
        )
        for one in found
    )


async def _openings(uow: UnitOfWork, resources: Iterable[UUID]) -> dict[UUID, list[Opening]]:
    rows = await uow.session.execute(select(OpeningHours).where(col(OpeningHours.resource).in_(list(resources))))
    found: dict[UUID, list[Opening]] = {}
    for row in rows.scalars():
        found.setdefault(row.resource, []).append(Opening(row.weekday, row.opens, row.closes))
    return found


async def _busy(uow: UnitOfWork, row: Appointment, within: Interval) -> dict[UUID, list[Interval]]:
    """When the facility's resources are taken by other appointments than this one."""
    rows = await uow.session.execute(
        text(
            "SELECT a.resource, lower(a.during), upper(a.during)"
            " FROM allocations a JOIN resources r ON r.id = a.resource"
            " WHERE r.facility = :facility AND a.active AND a.appointment <> :appointment"
            " AND a.during && tstzrange(:start, :end) ORDER BY a.during"
        ),
        {"facility": row.facility, "appointment": row.id, "start": within.start, "end": within.end},
    )
    found: dict[UUID, list[Interval]] = {}
    for resource, start, end in rows.all():
        found.setdefault(resource, []).append(Interval(start, end))
    return found


async def _existing(uow: UnitOfWork, ids: list[UUID]) -> frozenset[UUID]:
    if not ids:
        return frozenset()
    return frozenset((await uow.session.execute(select(col(Resource.id)).where(col(Resource.id).in_(ids)))).scalars())


async def _other_visits(uow: UnitOfWork, row: Appointment) -> tuple[Interval, ...]:
    rows = await uow.session.execute(
        select(Appointment).where(
            col(Appointment.journey) == row.journey,
            col(Appointment.id) != row.id,
            col(Appointment.state).in_(list(HOLDING)),
        )
    )
    return tuple(sorted(slot for one in rows.scalars() if (slot := slot_of(one)) is not None))
