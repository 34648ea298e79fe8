"""The one clock, as a development profile sees it: how far it is shifted, and a way to shift it further."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import select, update

from backbone.access import Caller, require_role
from backbone.actions import unit_of_work
from backbone.carriage import clock
from backbone.database import UnitOfWork
from backbone.problems import Conflict, NotFound
from reliefpath.vocabulary import Profile, Role

router = APIRouter(prefix="/development", tags=["development"], include_in_schema=False)


class ClockShift(BaseModel):
    """How far the clock is to be ahead of real time."""

    shift_seconds: float = Field(ge=0, le=10 * 366 * 86_400)


class ClockShown(BaseModel):
    """The clock's time, and how far it is ahead of real time."""

    now: datetime
    shift_seconds: float


async def shift_of(uow: UnitOfWork, *, changing: bool = False) -> timedelta:
    """How far the clock is shifted; while it is being changed nobody else may change it."""
    query = select(clock.c.shift)
    shift: timedelta = (await uow.session.execute(query.with_for_update() if changing else query)).scalar_one()
    return shift


def _only_in_development(request: Request) -> None:
    if request.app.state.settings.profile is not Profile.DEVELOPMENT:
        raise NotFound("address")


@router.get("/clock")
async def show_clock(request: Request, principal: Caller) -> ClockShown:
    """The clock's time."""
    _only_in_development(request)
    async with unit_of_work(request, principal) as uow:
        return ClockShown(now=uow.now, shift_seconds=(await shift_of(uow)).total_seconds())


@router.put("/clock")
async def shift_clock(request: Request, principal: Caller, wanted: ClockShift) -> ClockShown:
    """Shift the clock further ahead; it never goes back, as history would be rewritten."""
    _only_in_development(request)
    require_role(principal, Role.OPERATIONS)
    async with unit_of_work(request, principal) as uow:
        before = await shift_of(uow, changing=True)
        after = timedelta(seconds=wanted.shift_seconds)
        if after < before:
            raise Conflict("clock-goes-back", f"The clock is already {before.total_seconds():.0f} seconds ahead.")
        await uow.session.execute(update(clock).values(shift=after))
        uow.record("shift", "clock", None, before=str(before), after=str(after))
    return ClockShown(now=uow.now + (after - before), shift_seconds=after.total_seconds())
