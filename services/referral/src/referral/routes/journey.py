"""Journeys: where one patient's path stands."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request

from backbone.access import Caller, require_role, require_visible
from backbone.actions import unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from referral.queries.journey import show_journey
from referral.routes.referral import READERS
from referral.schemas import JourneyShown
from reliefpath.vocabulary import Role

JOURNEY_READERS: Final = (*READERS, Role.PATIENT, Role.OPERATIONS, Role.QUALITY)
"""Who may read a journey, which does not tell who the patient is."""

router = APIRouter(tags=["journeys"])


@router.get("/journeys/{id}", operation_id="journey", responses=PROBLEM_RESPONSES)
async def read_journey(request: Request, principal: Caller, id: UUID) -> JourneyShown:
    """A journey's stage, setting and exit, and the referrals and courses it is made of."""
    require_role(principal, *JOURNEY_READERS)
    async with unit_of_work(request, principal) as uow:
        await require_visible(uow, principal, id, "journey")
        answer = await show_journey(uow, id)
        uow.record("read", "journey", id, journey=id)
    return answer
