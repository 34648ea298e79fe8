"""Attentions: saying that somebody has seen to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backbone.access import Caller, Principal, require_role, require_visible
from backbone.actions import add_action_routes, etag, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from referral.commands.attention import clear
from referral.lifecycle import ATTENTION
from referral.queries.attention import show_attention
from referral.routes.referral import READERS
from referral.schemas import AttentionShown
from referral.tables import Attention

router = APIRouter(tags=["attentions"])


@router.get("/attentions/{id}", operation_id="attention", responses=PROBLEM_RESPONSES)
async def read_attention(request: Request, response: Response, principal: Caller, id: UUID) -> AttentionShown:
    """Something that needs a hand of yours."""
    require_role(principal, *READERS)
    async with unit_of_work(request, principal) as uow:
        row = await uow.session.get(Attention, id)
        if row is None or row.facility not in principal.facilities:
            raise NotFound("attention")
        await require_visible(uow, principal, row.journey, "attention")
        answer = show_attention(principal, row)
        uow.record("read", "attention", id, journey=row.journey)
    response.headers["ETag"] = etag(answer.version)
    return answer


async def _perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Any, expected: int | None
) -> AttentionShown:
    row = await clear(uow, principal, id, action, command, expected)
    await uow.session.flush()
    return show_attention(principal, row)


add_action_routes(router, ATTENTION, path="/attentions/{id}", perform=_perform, shown=AttentionShown)
