"""How far behind a service's consumers are, and how a partition whose offset is gone is read from its beginning."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select, text

from backbone.access import Caller, require_role
from backbone.actions import KeyHeader, shown_answer, unit_of_work
from backbone.carriage import lags
from backbone.database import UnitOfWork
from backbone.idempotency import Answer
from backbone.messages import Place
from backbone.offsets import restart
from backbone.problems import Conflict
from backbone.streams.acts import BECAUSE, act_once
from reliefpath.vocabulary import Role

router = APIRouter()

Topic = Annotated[str, Path(pattern=r"^[a-z.]{1,100}$")]


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

    return await act_once(request, principal, idempotency_key, work)
