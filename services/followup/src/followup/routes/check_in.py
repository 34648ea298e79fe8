"""Check-ins: what is asked of a patient, and the answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, Principal, require_role
from backbone.actions import add_action_routes, allowed_actions, etag, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.paging import CursorText, Limit, Page, page_of
from followup.commands import check_in as commands
from followup.commands.series import facts_of
from followup.lifecycle import CHECK_IN, CheckInState
from followup.queries import check_in as queries
from followup.queries.reading import read
from followup.routes.readers import CARERS_AND_PATIENT
from followup.schemas import CheckInShown
from followup.tables import CheckIn

router = APIRouter(tags=["check-ins"])


async def shown(uow: UnitOfWork, principal: Principal, rows: Collection[CheckIn]) -> list[CheckInShown]:
    """These check-ins for this caller, each with what they may do now."""
    await uow.session.flush()
    actions = {row.id: allowed_actions(CHECK_IN, facts_of(uow, row), principal) for row in rows}
    return await queries.show_check_ins(uow, principal, rows, actions)


@router.get("/check-ins", operation_id="check_ins", responses=PROBLEM_RESPONSES)
async def list_check_ins(
    request: Request,
    response: Response,
    principal: Caller,
    journey: UUID | None = None,
    course: UUID | None = None,
    state: Annotated[list[CheckInState] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[CheckInShown]:
    """Check-ins in the order of their times: a patient's own, or those of the journeys your facilities are on."""
    require_role(principal, *CARERS_AND_PATIENT)
    async with unit_of_work(request, principal) as uow:
        rows = await queries.check_ins(
            uow, principal, journey=journey, course=course, states=state or (), cursor=cursor, limit=limit
        )
        found = await shown(uow, principal, rows)
        uow.record("list", "check-in", None, journeys=[one.journey for one in found[:limit]])
    return page_of(request, response, found, [(one.due_at, one.id) for one in found], limit)


@router.get("/check-ins/{id}", operation_id="check_in", responses=PROBLEM_RESPONSES)
async def show_check_in(request: Request, response: Response, principal: Caller, id: UUID) -> CheckInShown:
    """One check-in, and what you may do now."""
    require_role(principal, *CARERS_AND_PATIENT)
    async with unit_of_work(request, principal) as uow:
        [found] = await shown(uow, principal, [await read(uow, principal, CheckIn, id)])
    response.headers["ETag"] = etag(found.version)
    return found


async def _perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Any, expected: int | None
) -> CheckInShown:
    [found] = await shown(uow, principal, [await commands.perform(uow, principal, id, action, command, expected)])
    return found


add_action_routes(router, CHECK_IN, path="/check-ins/{id}", perform=_perform, shown=CheckInShown)
