"""What an operator sees and does of a service's streams: lag, held events, dead letters, parked deadlines.

The service that holds a thing answers for it and retries or discards it, so the state shown is the state there is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import ColumnElement, func, select, text, update

from backbone import inbox
from backbone.access import Caller, Principal, require_role
from backbone.actions import KeyHeader, answer_once, body_of, read_command, shown_answer, unit_of_work
from backbone.carriage import dead_letters, deadlines, held, lags
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.deadlines import Alarm, Deadline, DeadlineStatus, discard_deadline
from backbone.hearing import Hearer
from backbone.idempotency import Answer
from backbone.inbox import Status, Stream
from backbone.messages import Incoming, Place
from backbone.offsets import restart
from backbone.paging import CursorText, Limit, Page, keyset, page_of
from backbone.problems import Conflict, NotFound
from reliefpath.envelope import load_headers
from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Role

router = APIRouter(prefix="/streams", tags=["streams"], responses=PROBLEM_RESPONSES)

Topic = Annotated[str, Path(pattern=r"^[a-z.]{1,100}$")]


class Because(Command):
    """Why an operator does it."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


BECAUSE: Final = body_of(Because)


class Lag(BaseModel):
    """How far behind the consumer of one partition is. `seconds` is the age of the oldest unread message.

    `begins` is set when the offset to go on from is gone: where the partition begins now. It stands until `restart`.
    """

    topic: str
    partition: int
    next: int
    end: int
    records: int
    seconds: float = Field(ge=0)
    observed_at: datetime
    begins: int | None = None


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


class DeadLetter(BaseModel):
    """A message that belongs to no stream. Its content is not shown: nobody knows what it holds."""

    id: UUID
    status: str
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


@router.get("/lag", operation_id="streams_lag")
async def show_lag(request: Request, principal: Caller) -> list[Lag]:
    """How far behind this service's consumers are, per partition."""
    require_role(principal, Role.OPERATIONS)
    async with unit_of_work(request, principal) as uow:
        now = (await uow.session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        rows = (await uow.session.execute(select(lags).order_by(lags.c.topic, lags.c.partition))).all()
    return [
        Lag(
            topic=row.topic,
            partition=row.partition,
            next=row.next,
            end=row.end,
            records=max(0, row.end - row.next),
            seconds=max(0.0, (now - row.oldest_at).total_seconds()) if row.oldest_at else 0.0,
            observed_at=row.observed_at,
            begins=row.begins,
        )
        for row in rows
    ]


class Restarted(BaseModel):
    """A partition that is read from its beginning again; what was heard before has no second effect."""

    topic: str
    partition: int
    next: int


@router.post(
    "/lag/{topic}/{partition}/restart",
    operation_id="streams_lag_restart",
    openapi_extra=BECAUSE,
    response_model=Restarted,
)
async def restart_partition(
    request: Request,
    principal: Caller,
    topic: Topic,
    partition: Annotated[int, Path(ge=0, le=2**31 - 1)],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Read a partition whose offset is gone from its beginning, for a reason."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        begins = await restart(uow, Place(topic, partition))
        if begins is None:
            raise Conflict("offset-not-gone", "The offset of this partition is not gone: it is read on by itself.")
        uow.record("restart", "partition", None, after=f"{topic}/{partition} at {begins}", reason=reason)
        return shown_answer(Restarted(topic=topic, partition=partition, next=begins))

    return await _once(request, principal, idempotency_key, work)


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
        row = await _row(uow, held, id, "held event")
        uow.record("read", "held event", id, journey=row.stream)
    return _held_detail(row)


@router.post("/held/{id}/retry", operation_id="streams_held_retry", openapi_extra=BECAUSE, response_model=HeldDetail)
async def retry_held(request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None) -> Response:
    """Try a held event and those behind it again, now. The answer says what became of it."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_row(uow, id)
        uow.record("retry", "held event", id, journey=row.stream, before=row.status, reason=reason)
        await _hearer(request).try_held(uow, Stream(row.speaker, row.stream), by=str(uow.actor))
        return shown_answer(_held_detail(await _row(uow, held, id, "held event")))

    return await _once(request, principal, idempotency_key, work)


@router.post(
    "/held/{id}/discard", operation_id="streams_held_discard", openapi_extra=BECAUSE, response_model=HeldDetail
)
async def discard_held(request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None) -> Response:
    """Let a held event have no effect, for a reason, and go on behind it."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_row(uow, id)
        first = await inbox.first_held(uow, Stream(row.speaker, row.stream))
        if first is None or first.id != id:
            raise Conflict("not-first", "An earlier event of this stream is held; that one has to be dealt with first.")
        if first.status is Status.MISSING:
            raise Conflict(
                "earlier-missing", "An earlier event has not been heard. Discarding this one would not bring it."
            )
        uow.record("discard", "held event", id, journey=row.stream, before=row.status, reason=reason)
        await _hearer(request).discard(uow, first, str(uow.actor), reason)
        return shown_answer(_held_detail(await _row(uow, held, id, "held event")))

    return await _once(request, principal, idempotency_key, work)


@router.get("/dead-letters", operation_id="streams_dead_letters")
async def list_dead_letters(
    request: Request,
    response: Response,
    principal: Caller,
    status: Annotated[list[Literal["new", "failed_again", "resolved", "discarded"]] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[DeadLetter]:
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
async def show_dead_letter(request: Request, principal: Caller, id: UUID) -> DeadLetter:
    """One dead letter."""
    require_role(principal, Role.OPERATIONS)
    async with unit_of_work(request, principal) as uow:
        row = await _row(uow, dead_letters, id, "dead letter")
        uow.record("read", "dead letter", id)
    return _dead_letter(row)


@router.post(
    "/dead-letters/{id}/retry",
    operation_id="streams_dead_letter_retry",
    openapi_extra=BECAUSE,
    response_model=DeadLetter,
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
        outcomes = await _hearer(request).hear(uow, [message], carefully=True)
        if outcomes["dead_letter"]:
            await _end_letter(uow, id, "failed_again", None, None)
        else:
            await _end_letter(uow, id, "resolved", str(uow.actor), reason)
        return shown_answer(_dead_letter(await _row(uow, dead_letters, id, "dead letter")))

    return await _once(request, principal, idempotency_key, work)


@router.post(
    "/dead-letters/{id}/discard",
    operation_id="streams_dead_letter_discard",
    openapi_extra=BECAUSE,
    response_model=DeadLetter,
)
async def discard_dead_letter(
    request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None
) -> Response:
    """Be done with a dead letter, for a reason."""

    async def work(uow: UnitOfWork, reason: str) -> Answer:
        row = await _open_letter(uow, id)
        uow.record("discard", "dead letter", id, before=row.status, reason=reason)
        await _end_letter(uow, id, "discarded", str(uow.actor), reason)
        return shown_answer(_dead_letter(await _row(uow, dead_letters, id, "dead letter")))

    return await _once(request, principal, idempotency_key, work)


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
        row = await _row(uow, deadlines, id, "deadline")
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
        return shown_answer(_deadline(await _row(uow, deadlines, id, "deadline")))

    return await _once(request, principal, idempotency_key, work)


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
        return shown_answer(_deadline(await _row(uow, deadlines, id, "deadline")))

    return await _once(request, principal, idempotency_key, work)


async def _once(request: Request, principal: Principal, key: str | None, work: Any) -> Response:
    require_role(principal, Role.OPERATIONS)
    body = await request.body()
    command = cast("Because", read_command(Because, request, body))

    async def because(uow: UnitOfWork) -> Answer:
        answer: Answer = await work(uow, command.reason)
        return answer

    return await answer_once(request, principal, key, body, because)


def _hearer(request: Request) -> Hearer:
    hearer: Hearer = request.app.state.hearer
    return hearer


async def _row(uow: UnitOfWork, table: Any, id: UUID, resource: str) -> Any:
    row = (await uow.session.execute(select(table).where(table.c.id == id))).first()
    if row is None:
        raise NotFound(resource)
    return row


async def _open_row(uow: UnitOfWork, id: UUID) -> Any:
    row = await _row(uow, held, id, "held event")
    await uow.lock(row.stream)
    row = await _row(uow, held, id, "held event")
    if row.ended_at is not None:
        raise Conflict("already-ended", f"This event is {row.status} already.")
    return row


async def _open_letter(uow: UnitOfWork, id: UUID) -> Any:
    await uow.session.execute(select(dead_letters.c.id).where(dead_letters.c.id == id).with_for_update())
    row = await _row(uow, dead_letters, id, "dead letter")
    if row.ended_at is not None:
        raise Conflict("already-ended", f"This dead letter is {row.status} already.")
    return row


async def _parked_row(uow: UnitOfWork, id: UUID) -> Any:
    row = await _row(uow, deadlines, id, "deadline")
    await uow.lock(row.journey)
    row = await _row(uow, deadlines, id, "deadline")
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


async def _end_letter(uow: UnitOfWork, id: UUID, status: str, by: str | None, because: str | None) -> None:
    ended = {} if by is None else {"ended_at": text("clock_timestamp()"), "ended_by": by, "ended_because": because}
    await uow.session.execute(update(dead_letters).where(dead_letters.c.id == id).values(status=status, **ended))


def _held(row: Any) -> HeldShown:
    return HeldShown(**{name: getattr(row, name) for name in HeldShown.model_fields})


def _held_detail(row: Any) -> HeldDetail:
    headers = {name: value.decode(errors="replace") for name, value in load_headers(row.headers)}
    return HeldDetail(**_held(row).model_dump(), headers=headers, data=bytes(row.data).decode(errors="replace"))


def _dead_letter(row: Any) -> DeadLetter:
    shown = {name: getattr(row, name) for name in DeadLetter.model_fields if name != "bytes"}
    return DeadLetter(**shown, bytes=len(row.data or b""))


def _deadline(row: Any) -> DeadlineShown:
    renamed = {"status": row.ended or DeadlineStatus.OPEN, "reason": row.error, "ended_at": row.done_at}
    same = DeadlineShown.model_fields.keys() - renamed.keys()
    return DeadlineShown(**renamed, **{name: getattr(row, name) for name in same})
