"""The visiting service's routes, read off its lifecycle as every service's are."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from backbone.access import Caller, Principal, admit, require_visible
from backbone.actions import (
    AllowedAction,
    add_action_routes,
    add_creation_route,
    allowed_actions,
    etag,
    unit_of_work,
)
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from backbone.rows import new_id
from backbone.transitions import begin, expect, move
from reliefpath import events
from reliefpath.events import Event
from reliefpath.lifecycle import Command
from tests.support.visiting.lifecycle import VISIT, Plan, VisitFacts, VisitState
from tests.support.visiting.tables import Visit

router = APIRouter(prefix="/visits")

SAYS: dict[str, type[Event]] = {
    "resume": events.ReferralResumed,
    "finish": events.ReferralCompleted,
}


class VisitShown(BaseModel):
    """A visit, and what the caller may do with it."""

    id: UUID
    journey: UUID
    version: int
    state: VisitState
    place: str | None
    chairs: int
    allowed_actions: list[AllowedAction]


def facts(visit: Visit) -> VisitFacts:
    """What the guards look at."""
    returns_to = VisitState(visit.returns_to) if visit.returns_to else None
    return VisitFacts(VisitState(visit.state), returns_to, visit.place, visit.chairs)


def shown(visit: Visit, principal: Principal) -> VisitShown:
    """A visit as this caller sees it."""
    return VisitShown(
        **visit.model_dump(include={"id", "journey", "version", "state", "place", "chairs"}),
        allowed_actions=allowed_actions(VISIT, facts(visit), principal),
    )


async def _visit(uow: UnitOfWork, principal: Principal, id: UUID) -> Visit:
    visit = await uow.session.get(Visit, id)
    if visit is None:
        raise NotFound("visit")
    await require_visible(uow, principal, visit.journey, "visit")
    return visit


async def _plan(uow: UnitOfWork, principal: Principal, command: Plan) -> VisitShown:
    visit = Visit(journey=new_id(), state="", place=command.place, chairs=command.chairs)
    await uow.lock(visit.journey)
    await admit(uow, visit.journey, principal.facilities)
    said = [events.ReferralReceived(referral=visit.id)]
    begin(uow, VISIT, visit, "plan", VisitFacts(VisitState.PLANNED), command=command, events=said)
    await uow.session.flush()
    return shown(visit, principal)


async def _act(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> VisitShown:
    visit = await _visit(uow, principal, id)
    await uow.lock(visit.journey)
    await uow.session.refresh(visit)
    expect(visit, expected)
    said = [SAYS[action].model_validate({"referral": id})] if action in SAYS else []
    move(uow, VISIT, visit, action, facts(visit), command=command, events=said)
    return shown(visit, principal)


@router.get("/{id}")
async def show_visit(request: Request, response: Response, principal: Caller, id: UUID) -> VisitShown:
    """One visit."""
    async with unit_of_work(request, principal) as uow:
        visit = await _visit(uow, principal, id)
        uow.record("read", "visit", id, journey=visit.journey)
    response.headers["ETag"] = etag(visit.version)
    return shown(visit, principal)


add_creation_route(router, VISIT, "plan", path="", create=_plan, shown=VisitShown, location="/visits/{id}")
add_action_routes(router, VISIT, path="/{id}", perform=_act, shown=VisitShown)
