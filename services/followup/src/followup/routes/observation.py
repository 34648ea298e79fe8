"""Observations: what each course did, as far as the answers tell. Nothing is done to one by hand."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, require_role
from backbone.actions import etag, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.paging import CursorText, Limit, Page, page_of
from followup.commands.observation import suggestion_of
from followup.commands.series import check_ins_of
from followup.lifecycle import ObservationState
from followup.queries import observation as queries
from followup.queries.reading import read
from followup.routes.readers import CARERS
from followup.schemas import ObservationListed, ObservationShown
from followup.tables import Observation

router = APIRouter(tags=["observations"])


@router.get("/observations", operation_id="observations", responses=PROBLEM_RESPONSES)
async def list_observations(
    request: Request,
    response: Response,
    principal: Caller,
    journey: UUID | None = None,
    state: Annotated[list[ObservationState] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[ObservationListed]:
    """Observations of the journeys your facilities are on."""
    require_role(principal, *CARERS)
    async with unit_of_work(request, principal) as uow:
        found = await queries.observations(
            uow, principal, journey=journey, states=state or (), cursor=cursor, limit=limit
        )
        uow.record("list", "observation", None, journeys=[one.journey for one in found[:limit]])
    return page_of(request, response, found, [(one.id,) for one in found], limit)


@router.get("/observations/{id}", operation_id="observation", responses=PROBLEM_RESPONSES)
async def show_observation(request: Request, response: Response, principal: Caller, id: UUID) -> ObservationShown:
    """The observation of the course with this id: its check-ins, and what they suggest so far."""
    require_role(principal, *CARERS)
    async with unit_of_work(request, principal) as uow:
        row = await read(uow, principal, Observation, id)
        check_ins = await check_ins_of(uow, [id])
        found = await queries.show_observation(uow, row, check_ins, suggestion_of(row, check_ins))
    response.headers["ETag"] = etag(found.version)
    return found
