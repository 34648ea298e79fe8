"""Messages that belong to no stream: shown without their content, read again, or put away for a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select, text, update

from backbone import inbox
from backbone.access import Caller, require_role
from backbone.actions import KeyHeader, shown_answer, unit_of_work
from backbone.carriage import dead_letters
from backbone.database import UnitOfWork
from backbone.idempotency import Answer
from backbone.inbox import DeadLetterStatus
from backbone.messages import Incoming
from backbone.paging import CursorText, Limit, Page, keyset, page_of
from backbone.problems import Conflict
from backbone.streams.acts import BECAUSE, act_once, find_row, hearer_of
from reliefpath.vocabulary import Role

router = APIRouter()


class DeadLetterShown(BaseModel):
    """A message that belongs to no stream. Its content is not shown: nobody knows what it holds."""

    id: UUID
    status: DeadLetterStatus
    reason: str
    topic: str
    partition: int
    offset: int
    hash: str
    bytes: int
    set_aside_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None


@router.get("/dead-letters", operation_id="streams_dead_letters")
async def list_dead_letters(
    request: Request,
    response: Response,
    principal: Caller,
    status: Annotated[list[DeadLetterStatus] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[DeadLetterShown]:
    """Messages that belong to no stream, oldest first; without a status those nobody has dealt with."""
    require_role(principal, Role.OPERATIONS)
    statement = select(dead_letters)
    statement = statement.where(dead_letters.c.status.in_(status) if status else dead_letters.c.ended_at.is_(None))
    statement = keyset(statement, [dead_letters.c.set_aside_at, dead_letters.c.id], [datetime, UUID], cursor, limit)
    async with unit_of_work(request, principal) as uow:
        rows = (await uow.session.execute(statement)).all()
    places = [(row.set_aside_at, row.id) for row in rows]
    return page_of(request, response, [_dead_letter(row) for row in rows], places, limit)


@router.get("/dead-letters/{id}", operation_id="streams_dead_letter")
async def show_dead_letter(request: Request, principal: Caller, id: UUID) -> DeadLetterShown:
    """One dead letter."""
    require_role(principal, Role.OPERATIONS)
    async with unit_of_work(request, principal) as uow:
        row = await find_row(uow, dead_letters, id, "dead letter")
        uow.record("read", "dead letter", id)
    return _dead_letter(row)


@router.post(
    "/dead-letters/{id}/retry",
    operation_id="streams_dead_letter_retry",
    openapi_extra=BECAUSE,
    response_model=DeadLetterShown,
)
async def retry_dead_letter(
    request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None
) -> Response:
    """Read a dead letter again, in case this program can by now."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_letter(uow, id)
        uow.record("retry", "dead letter", id, before=row.status, reason=reason)
        headers = inbox.unquoted(row.headers)
        at = round(row.recorded_at.timestamp() * 1000)
        message = Incoming(row.topic, row.partition, row.offset, row.key, row.data, headers, at)
        outcomes = await hearer_of(request).hear(uow, [message], carefully=True)
        if outcomes["dead_letter"]:
            await _end_letter(uow, id, DeadLetterStatus.FAILED_AGAIN, None, None)
        else:
            await _end_letter(uow, id, DeadLetterStatus.RESOLVED, str(uow.actor), reason)
        return shown_answer(_dead_letter(await find_row(uow, dead_letters, id, "dead letter")))

    return await act_once(request, principal, idempotency_key, work)


@router.post(
    "/dead-letters/{id}/discard",
    operation_id="streams_dead_letter_discard",
    openapi_extra=BECAUSE,
    response_model=DeadLetterShown,
)
async def discard_dead_letter(
    request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None
) -> Response:
    """Be done with a dead letter, for a reason."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_letter(uow, id)
        uow.record("discard", "dead letter", id, before=row.status, reason=reason)
        await _end_letter(uow, id, DeadLetterStatus.DISCARDED, str(uow.actor), reason)
        return shown_answer(_dead_letter(await find_row(uow, dead_letters, id, "dead letter")))

    return await act_once(request, principal, idempotency_key, work)


async def _open_letter(uow: UnitOfWork, id: UUID) -> Any:
    await uow.session.execute(select(dead_letters.c.id).where(dead_letters.c.id == id).with_for_update())
    row = await find_row(uow, dead_letters, id, "dead letter")
    if row.ended_at is not None:
        raise Conflict("already-ended", f"This dead letter is {row.status} already.")
    return row


async def _end_letter(uow: UnitOfWork, id: UUID, status: DeadLetterStatus, by: str | None, because: str | None) -> None:
    ended = {} if by is None else {"ended_at": text("clock_timestamp()"), "ended_by": by, "ended_because": because}
    await uow.session.execute(update(dead_letters).where(dead_letters.c.id == id).values(status=status, **ended))


def _dead_letter(row: Any) -> DeadLetterShown:
    shown = {name: getattr(row, name) for name in DeadLetterShown.model_fields if name != "bytes"}
    return DeadLetterShown(**shown, bytes=len(row.data or b""))
