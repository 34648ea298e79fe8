"""Facilities: the directory as this service heard it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from backbone.access import Caller
from backbone.actions import unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from referral.queries.facility import all_facilities
from referral.schemas import FacilityShown

router = APIRouter(tags=["facilities"])


@router.get("/facilities", operation_id="facilities", responses=PROBLEM_RESPONSES)
async def list_facilities(request: Request, principal: Caller) -> list[FacilityShown]:
    """The facilities somebody may refer to, by code."""
    async with unit_of_work(request, principal) as uow:
        return await all_facilities(uow)
