"""Deadlines that failed too often are parked: shown, tried again, or let go for a reason."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, func, select

from backbone.access import Caller, require_role
from backbone.actions import KeyHeader, shown_answer, unit_of_work
from backbone.carriage import deadlines
from backbone.database import UnitOfWork
from backbone.deadlines import Alarm, Deadline, DeadlineStatus, discard_deadline
from backbone.idempotency import Answer
from backbone.paging import CursorText, Limit, Page, keyset, page_of
from backbone.problems import Conflict
from backbone.streams.acts import BECAUSE, act_once, find_row
from reliefpath.vocabulary import Role

router = APIRouter()


class DeadlineShown(BaseModel):
    """A deadline, or how it ended. `due_at` and `ended_at` are by the one clock; `reason` is why it last failed."""

    id: UUID
    status: DeadlineStatus
    reason: str | None
    kind: str
    journey: UUID
    subject: UUID
    cause: str
    due_at: datetime
    attempts: int
    next_try_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None


@router.get("/deadlines", operation_id="streams_deadlines")
async def list_deadlines(
    request: Request,
    response: Response,
    principal: Caller,
    status: Annotated[list[DeadlineStatus] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[DeadlineShown]:
    """Deadlines, the earliest first; without a status those that are parked."""
    require_role(principal, Role.OPERATIONS)
    statement = select(deadlines).where(*_standing(status or [DeadlineStatus.PARKED]))
    statement = keyset(statement, [deadlines.c.due_at, deadlines.c.id], [datetime, UUID], cursor, limit)
    async with unit_of_work(request, principal) as uow:
        rows = (await uow.session.execute(statement)).all()
    return page_of(request, response, [_deadline(row) for row in rows], [(row.due_at, row.id) for row in rows], limit)


@router.get("/deadlines/{id}", operation_id="streams_deadline")
async def show_deadline(request: Request, principal: Caller, id: UUID) -> DeadlineShown:
    """One deadline."""
    require_role(principal, Role.OPERATIONS)
    async with unit_of_work(request, principal) as uow:
        row = await find_row(uow, deadlines, id, "deadline")
        uow.record("read", "deadline", id, journey=row.journey)
    return _deadline(row)


@router.post(
    "/deadlines/{id}/retry", operation_id="streams_deadline_retry", openapi_extra=BECAUSE, response_model=DeadlineShown
)
async def retry_deadline(request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None) -> Response:
    """Try a parked deadline again, now. The answer says what became of it; open, when its handler set it anew."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _parked_row(uow, id)
        uow.record("retry", "deadline", id, journey=row.journey, before=row.ended, reason=reason)
        alarm: Alarm = request.app.state.alarm
        await alarm.retry(uow, Deadline.of(row), str(uow.actor), reason)
        return shown_answer(_deadline(await find_row(uow, deadlines, id, "deadline")))

    return await act_once(request, principal, idempotency_key, work)


@router.post(
    "/deadlines/{id}/discard",
    operation_id="streams_deadline_discard",
    openapi_extra=BECAUSE,
    response_model=DeadlineShown,
)
async def discard_parked_deadline(
    request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None
) -> Response:
    """Let a parked deadline have no effect, for a reason."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _parked_row(uow, id)
        uow.record("discard", "deadline", id, journey=row.journey, before=row.ended, reason=reason)
        await discard_deadline(uow, Deadline.of(row), str(uow.actor), reason)
        return shown_answer(_deadline(await find_row(uow, deadlines, id, "deadline")))

    return await act_once(request, principal, idempotency_key, work)


async def _parked_row(uow: UnitOfWork, id: UUID) -> Any:
    row = await find_row(uow, deadlines, id, "deadline")
    await uow.lock(row.journey)
    row = await find_row(uow, deadlines, id, "deadline")
    if row.done_at is not None:
        raise Conflict("already-ended", f"This deadline is {row.ended} already.")
    if row.ended is None:
        raise Conflict("not-parked", "This deadline is open: it fires by itself when its time comes.")
    return row


def _standing(status: Collection[DeadlineStatus]) -> list[ColumnElement[bool]]:
    """Deadlines that stand so. That none of them is done is said too where it is so: open ones have an index."""
    wanted = func.coalesce(deadlines.c.ended, DeadlineStatus.OPEN).in_(status)
    undone = {DeadlineStatus.OPEN, DeadlineStatus.PARKED}.issuperset(status)
    return [wanted, deadlines.c.done_at.is_(None)] if undone else [wanted]


def _deadline(row: Any) -> DeadlineShown:
    renamed = {"status": row.ended or DeadlineStatus.OPEN, "reason": row.error, "ended_at": row.done_at}
    same = DeadlineShown.model_fields.keys() - renamed.keys()
    return DeadlineShown(**renamed, **{name: getattr(row, name) for name in same})
