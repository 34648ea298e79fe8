"""Trials: what was observed, what the records suggest, and the verdict."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, Principal, require_role
from backbone.actions import add_action_routes, allowed_actions, etag, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.paging import CursorText, Limit, Page, page_of
from followup.commands import trial as commands
from followup.lifecycle import TRIAL, TrialState
from followup.queries import trial as queries
from followup.queries.reading import read
from followup.routes.readers import CARERS
from followup.schemas import TrialListed, TrialShown
from followup.tables import Trial

router = APIRouter(tags=["trials"])


async def shown(uow: UnitOfWork, principal: Principal, trial: Trial) -> TrialShown:
    """The trial for this caller, with what they may do now."""
    await uow.session.flush()
    step = await commands.prepare(uow, trial)
    sides = await commands.sides(uow, principal, step)
    actions = allowed_actions(TRIAL, step.facts, principal, sides)
    return await queries.show_trial(
        uow, principal, trial, step.observation, step.check_ins, step.suggestion, sides, actions
    )


@router.get("/trials", operation_id="trials", responses=PROBLEM_RESPONSES)
async def list_trials(
    request: Request,
    response: Response,
    principal: Caller,
    journey: UUID | None = None,
    course: UUID | None = None,
    state: Annotated[list[TrialState] | None, Query()] = None,
    overdue: Annotated[bool, Query(description="Only those that should have been judged by now.")] = False,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[TrialListed]:
    """Trials of the journeys your facilities are on, oldest first."""
    require_role(principal, *CARERS)
    async with unit_of_work(request, principal) as uow:
        found = await queries.trials(
            uow,
            principal,
            journey=journey,
            course=course,
            states=state or (),
            overdue=overdue,
            cursor=cursor,
            limit=limit,
        )
        uow.record("list", "trial", None, journeys=[one.journey for one in found[:limit]])
    return page_of(request, response, found, [(one.id,) for one in found], limit)


@router.get("/trials/{id}", operation_id="trial", responses=PROBLEM_RESPONSES)
async def show_trial(request: Request, response: Response, principal: Caller, id: UUID) -> TrialShown:
    """One trial with its check-ins, the present suggestion and its reasons, and what you may do now."""
    require_role(principal, *CARERS)
    async with unit_of_work(request, principal) as uow:
        found = await shown(uow, principal, await read(uow, principal, Trial, id))
    response.headers["ETag"] = etag(found.version)
    return found


async def _perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Any, expected: int | None
) -> TrialShown:
    return await shown(uow, principal, await commands.perform(uow, principal, id, action, command, expected))


add_action_routes(router, TRIAL, path="/trials/{id}", perform=_perform, shown=TrialShown)
