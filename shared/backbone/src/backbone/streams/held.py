"""Events that could not take effect yet: shown, tried again, or let go for a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select

from backbone import inbox
from backbone.access import Caller, require_role
from backbone.actions import KeyHeader, shown_answer, unit_of_work
from backbone.carriage import held
from backbone.database import UnitOfWork
from backbone.hearing import has_gap
from backbone.idempotency import Answer
from backbone.inbox import Status, Stream
from backbone.paging import CursorText, Limit, Page, keyset, page_of
from backbone.problems import Conflict
from backbone.streams.acts import BECAUSE, act_once, find_row, hearer_of
from reliefpath.envelope import load_headers
from reliefpath.vocabulary import Role

router = APIRouter()


class HeldShown(BaseModel):
    """An event that could not take effect yet, or how that ended. Its data are ids and codes."""

    id: UUID
    status: Status
    reason: str
    type: str
    speaker: str
    stream: UUID
    seq: int
    attempts: int
    next_try_at: datetime | None
    held_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None
    topic: str
    partition: int
    offset: int


class HeldDetail(HeldShown):
    """A held event with its headers and data."""

    headers: dict[str, str]
    data: str


@router.get("/held", operation_id="streams_held")
async def list_held(
    request: Request,
    response: Response,
    principal: Caller,
    status: Annotated[list[Status] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[HeldShown]:
    """Held events, oldest first; without a status those that are still held."""
    require_role(principal, Role.OPERATIONS)
    statement = select(held)
    statement = statement.where(held.c.status.in_(status) if status else held.c.ended_at.is_(None))
    statement = keyset(statement, [held.c.held_at, held.c.id], [datetime, UUID], cursor, limit)
    async with unit_of_work(request, principal) as uow:
        rows = (await uow.session.execute(statement)).all()
    return page_of(request, response, [_held(row) for row in rows], [(row.held_at, row.id) for row in rows], limit)


@router.get("/held/{id}", operation_id="streams_held_one")
async def show_held(request: Request, principal: Caller, id: UUID) -> HeldDetail:
    """One held event with its headers and data."""
    require_role(principal, Role.OPERATIONS)
    async with unit_of_work(request, principal) as uow:
        row = await find_row(uow, held, id, "held event")
        uow.record("read", "held event", id, journey=row.stream)
    return _held_detail(row)


@router.post("/held/{id}/retry", operation_id="streams_held_retry", openapi_extra=BECAUSE, response_model=HeldDetail)
async def retry_held(request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None) -> Response:
    """Try a held event and those behind it again, now. The answer says what became of it."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_row(uow, id)
        uow.record("retry", "held event", id, journey=row.stream, before=row.status, reason=reason)
        await hearer_of(request).try_held(uow, Stream(row.speaker, row.stream), by=str(uow.actor))
        return shown_answer(_held_detail(await find_row(uow, held, id, "held event")))

    return await act_once(request, principal, idempotency_key, work)


@router.post(
    "/held/{id}/discard", operation_id="streams_held_discard", openapi_extra=BECAUSE, response_model=HeldDetail
)
async def discard_held(request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None) -> Response:
    """Let a held event have no effect, for a reason, and go on behind it."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_row(uow, id)
        stream = Stream(row.speaker, row.stream)
        first, last = await inbox.first_held(uow, stream), (await inbox.last_heard(uow, {stream}))[stream]
        if first is None or first.id != id:
            raise Conflict("not-first", "An earlier event of this stream is held; that one has to be dealt with first.")
        if first.seq <= last:
            raise Conflict("already-ended", "This event was heard before it came again. It is let go by itself.")
        if has_gap(last, first.seq):
            raise Conflict(
                "earlier-missing", "An earlier event has not been heard. Discarding this one would not bring it."
            )
        uow.record("discard", "held event", id, journey=row.stream, before=row.status, reason=reason)
        await hearer_of(request).discard(uow, first, str(uow.actor), reason)
        return shown_answer(_held_detail(await find_row(uow, held, id, "held event")))

    return await act_once(request, principal, idempotency_key, work)


async def _open_row(uow: UnitOfWork, id: UUID) -> Any:
    row = await find_row(uow, held, id, "held event")
    await uow.lock(row.stream)
    row = await find_row(uow, held, id, "held event")
    if row.ended_at is not None:
        raise Conflict("already-ended", f"This event is {row.status} already.")
    return row


def _held(row: Any) -> HeldShown:
    return HeldShown(**{name: getattr(row, name) for name in HeldShown.model_fields})


def _held_detail(row: Any) -> HeldDetail:
    headers = {name: value.decode(errors="replace") for name, value in load_headers(row.headers)}
    return HeldDetail(**_held(row).model_dump(), headers=headers, data=bytes(row.data).decode(errors="replace"))
