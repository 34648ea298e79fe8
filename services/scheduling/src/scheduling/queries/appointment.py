"""Appointments as the API shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, func, select
from sqlmodel import col

from backbone.access import Principal, require_visible, visible
from backbone.actions import allowed_actions
from backbone.database import UnitOfWork
from backbone.paging import keyset
from backbone.problems import NotFound
from reliefpath.vocabulary import Purpose, Side
from scheduling.lifecycle import APPOINTMENT, AppointmentState
from scheduling.rules.facts import AppointmentFacts, ResourceKind
from scheduling.rules.holds import Asks, HoldPlan, hold_plans
from scheduling.schemas import AppointmentShown, AppointmentSummary, HoldShown, ReservedShown
from scheduling.tables import Allocation, Appointment, Resource

AWAITING_OUTCOME: Final = (AppointmentState.BOOKED, AppointmentState.CONFIRMED)

_ASKS: Final[dict[Asks, Literal["nothing", "perhaps_a_decision", "a_decision", "a_hold", "unknown"]]] = {
    Asks.NOTHING: "nothing",
    Asks.PERHAPS_A_DECISION: "perhaps_a_decision",
    Asks.A_DECISION: "a_decision",
    Asks.A_HOLD: "a_hold",
    Asks.UNKNOWN: "unknown",
}


class Filter(BaseModel):
    """What a list is narrowed down to. A field that is None narrows nothing."""

    facility: UUID | None = None
    journey: UUID | None = None
    referral: UUID | None = None
    course: UUID | None = None
    states: tuple[AppointmentState, ...] = ()
    purpose: Purpose | None = None
    starts_from: datetime | None = None
    starts_until: datetime | None = None
    needs_outcome: bool | None = None


async def read_appointment(uow: UnitOfWork, principal: Principal, id: UUID) -> Appointment:
    """The row of an appointment the caller may see; that it was read is written down. Raises NotFound."""
    row = await uow.session.get(Appointment, id)
    if row is None:
        raise NotFound("appointment")
    await require_visible(uow, principal, row.journey, "appointment")
    uow.record("read", "appointment", id, journey=row.journey)
    return row


async def list_appointments(
    uow: UnitOfWork, principal: Principal, wanted: Filter, cursor: str | None, limit: int
) -> tuple[list[AppointmentSummary], list[Sequence[Any]]]:
    """The appointments the caller may see, the most pressing first, with each one's place in that order.

    One more than the limit is returned when there are more.
    """
    order: Any = func.coalesce(col(Appointment.see_by), col(Appointment.created_at))
    statement: Any = select(Appointment, order).where(
        visible(principal, col(Appointment.journey)), *_conditions(wanted, uow.now)
    )
    columns: Any = (order, col(Appointment.id))
    found = (await uow.session.execute(keyset(statement, columns, (datetime, UUID), cursor, limit))).all()
    uow.record("list", "appointment", None, journeys=[row.journey for row, _ in found[:limit]])
    return [_summary(row, uow.now) for row, _ in found], [(place, row.id) for row, place in found]


def _conditions(wanted: Filter, now: datetime) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (col(Appointment.facility), wanted.facility),
        (col(Appointment.journey), wanted.journey),
        (col(Appointment.referral), wanted.referral),
        (col(Appointment.course), wanted.course),
        (col(Appointment.purpose), wanted.purpose),
    ):
        if value is not None:
            yield column == value
    if wanted.states:
        yield col(Appointment.state).in_(list(wanted.states))
    if wanted.starts_from is not None:
        yield col(Appointment.starts_at) >= wanted.starts_from
    if wanted.starts_until is not None:
        yield col(Appointment.starts_at) < wanted.starts_until
    if wanted.needs_outcome is not None:
        over = and_(col(Appointment.state).in_(AWAITING_OUTCOME), col(Appointment.ends_at) < now)
        yield over if wanted.needs_outcome else ~over


async def show_appointment(
    uow: UnitOfWork, principal: Principal, row: Appointment, facts: AppointmentFacts, sides: frozenset[Side]
) -> AppointmentShown:
    """An appointment with everything about it, and what this caller may do."""
    more = row.model_dump(include={"variant", "antithrombotics", "valid_until", "cancelled_by", "reason_code"})
    replaced_by = await uow.session.scalar(select(col(Appointment.id)).where(col(Appointment.replaces) == row.id))
    return AppointmentShown.model_validate(
        {
            **_summary(row, uow.now).model_dump(),
            **more,
            "resources": await _reserved(uow, row.id),
            "holds": [_shown_hold(plan) for plan in hold_plans(facts)],
            "replaced_by": replaced_by,
            "allowed_actions": allowed_actions(APPOINTMENT, facts, principal, sides),
        }
    )


def _summary(row: Appointment, now: datetime) -> AppointmentSummary:
    over = row.state in AWAITING_OUTCOME and row.ends_at is not None and row.ends_at < now
    return AppointmentSummary.model_validate(
        {**row.model_dump(), "needs_outcome": over, "requested_at": row.created_at}
    )


async def _reserved(uow: UnitOfWork, appointment: UUID) -> list[ReservedShown]:
    rows = await uow.session.execute(
        select(Resource)
        .join(Allocation, col(Allocation.resource) == col(Resource.id))
        .where(col(Allocation.appointment) == appointment, col(Allocation.active))
        .order_by(col(Resource.kind), col(Resource.code))
    )
    return [
        ReservedShown(id=row.id, code=row.code, label=row.label, kind=ResourceKind(row.kind)) for row in rows.scalars()
    ]


def _shown_hold(plan: HoldPlan) -> HoldShown:
    decision = plan.decision
    shown = HoldShown(
        drug=plan.drug,
        asks=_ASKS[plan.asks],
        hours_before=plan.before.total_seconds() / 3600 if plan.before is not None else None,
        needs=list(plan.needs),
        rules=list(plan.rules),
        decided=None if decision is None else "hold" if decision.held else "discussion",
        earliest=plan.earliest,
    )
    if decision is None:
        return shown
    return shown.model_copy(
        update={
            "last_dose_at": decision.last_dose_at,
            "not_before": decision.not_before,
            "form": decision.form,
            "renal_impairment": decision.renal_impairment,
            "confirmed": sorted(decision.confirmed),
        }
    )
