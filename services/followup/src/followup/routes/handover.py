"""Handovers: a home team is asked, answers, takes over, gives back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, Principal, require_role
from backbone.actions import (
    add_action_routes,
    add_creation_route,
    allowed_actions,
    etag,
    unit_of_work,
)
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.paging import CursorText, Limit, Page, page_of
from followup.commands import handover as commands
from followup.lifecycle import HANDOVER, HandoverState
from followup.lifecycle.handover import Offer
from followup.queries import handover as queries
from followup.queries.reading import read
from followup.routes.readers import CARERS
from followup.schemas import HandoverShown
from followup.tables import Handover

router = APIRouter(tags=["handovers"])


async def shown(uow: UnitOfWork, principal: Principal, rows: Collection[Handover]) -> list[HandoverShown]:
    """These handovers for this caller, each with what they may do now."""
    await uow.session.flush()
    sides = {row.id: commands.sides_of(row, principal) for row in rows}
    actions = {row.id: allowed_actions(HANDOVER, commands.facts_of(uow, row), principal, sides[row.id]) for row in rows}
    return await queries.show_handovers(uow, principal, rows, sides, actions)


@router.get("/handovers", operation_id="handovers", responses=PROBLEM_RESPONSES)
async def list_handovers(
    request: Request,
    response: Response,
    principal: Caller,
    journey: UUID | None = None,
    state: Annotated[list[HandoverState] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[HandoverShown]:
    """Handovers of the journeys your facilities are on, those to be answered first at the front."""
    require_role(principal, *CARERS)
    async with unit_of_work(request, principal) as uow:
        rows = await queries.handovers(uow, principal, journey=journey, states=state or (), cursor=cursor, limit=limit)
        found = await shown(uow, principal, rows)
        uow.record("list", "handover", None, journeys=[one.journey for one in found[:limit]])
    return page_of(request, response, found, [(one.answer_by, one.id) for one in found], limit)


@router.get("/handovers/{id}", operation_id="handover", responses=PROBLEM_RESPONSES)
async def show_handover(request: Request, response: Response, principal: Caller, id: UUID) -> HandoverShown:
    """One handover, and what you may do now."""
    require_role(principal, *CARERS)
    async with unit_of_work(request, principal) as uow:
        [found] = await shown(uow, principal, [await read(uow, principal, Handover, id)])
    response.headers["ETag"] = etag(found.version)
    return found


async def _offer(uow: UnitOfWork, principal: Principal, command: Offer) -> HandoverShown:
    [found] = await shown(uow, principal, [await commands.offer(uow, principal, command)])
    return found


async def _perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Any, expected: int | None
) -> HandoverShown:
    [found] = await shown(uow, principal, [await commands.perform(uow, principal, id, action, command, expected)])
    return found


add_creation_route(
    router,
    HANDOVER,
    "offer",
    path="/handovers",
    create=_offer,
    shown=HandoverShown,
    location="/handovers/{id}",
)
add_action_routes(router, HANDOVER, path="/handovers/{id}", perform=_perform, shown=HandoverShown)
