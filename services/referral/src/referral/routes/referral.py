"""Referrals: the worklist, one referral, a new one, and every action on one."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, Principal, require_role, require_visible
from backbone.actions import add_action_routes, add_creation_route, etag, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.paging import CursorText, Limit, Page, page_of
from backbone.problems import NotFound
from referral.commands import referral as commands
from referral.commands.facts import known_of, not_understood_of, referral_facts, sides_of
from referral.commands.opening import create
from referral.lifecycle import REFERRAL, ReferralState
from referral.lifecycle.referral import Create
from referral.queries.referral import show_referral
from referral.queries.worklist import Wanted, worklist
from referral.schemas import ReferralListed, ReferralShown
from referral.tables import Referral
from reliefpath.vocabulary import Role, Urgency

READERS: Final = (
    Role.REFERRER,
    Role.COORDINATOR,
    Role.CLINICIAN,
    Role.SCHEDULER,
    Role.HOME_NURSE,
    Role.INTEGRATION,
)
"""Who may read a referral, with the patient's name in it."""

router = APIRouter(tags=["referrals"])


async def shown(uow: UnitOfWork, principal: Principal, referral: Referral) -> ReferralShown:
    """The referral for this caller."""
    await uow.session.flush()
    known = await known_of(uow, referral.journey)
    facts = await referral_facts(uow, referral, sides_of(referral, principal), facts=known)
    unknown = await not_understood_of(uow, referral.journey)
    return await show_referral(uow, principal, referral, facts, known, unknown)


@router.get("/referrals", operation_id="referrals", responses=PROBLEM_RESPONSES)
async def list_referrals(
    request: Request,
    response: Response,
    principal: Caller,
    state: Annotated[list[ReferralState] | None, Query(description="Only referrals in these states.")] = None,
    urgency: Annotated[list[Urgency] | None, Query(description="Only referrals of these urgencies.")] = None,
    needs_a_hand: Annotated[
        bool | None, Query(description="Only those that need a hand of yours now, or only the others.")
    ] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[ReferralListed]:
    """The worklist: what needs a hand of yours first, then by urgency, then by how long it has waited."""
    require_role(principal, *READERS)
    wanted = Wanted(state or (), urgency or (), needs_a_hand)
    async with unit_of_work(request, principal) as uow:
        items, places = await worklist(uow, principal, wanted, cursor, limit)
        uow.record("list", "referral", None, journeys={item.journey for item in items[:limit]})
    return page_of(request, response, items, places, limit)


@router.get("/referrals/{id}", operation_id="referral", responses=PROBLEM_RESPONSES)
async def read_referral(request: Request, response: Response, principal: Caller, id: UUID) -> ReferralShown:
    """A referral: facts with their sources, what is missing, what was done, and what you may do now."""
    require_role(principal, *READERS)
    async with unit_of_work(request, principal) as uow:
        referral = await uow.session.get(Referral, id)
        if referral is None:
            raise NotFound("referral")
        await require_visible(uow, principal, referral.journey, "referral")
        answer = await shown(uow, principal, referral)
        uow.record("read", "referral", id, journey=referral.journey)
    response.headers["ETag"] = etag(answer.version)
    return answer


async def _create(uow: UnitOfWork, principal: Principal, command: Create) -> ReferralShown:
    return await shown(uow, principal, await create(uow, principal, command))


async def _perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Any, expected: int | None
) -> ReferralShown:
    return await shown(uow, principal, await commands.perform(uow, principal, id, action, command, expected))


add_creation_route(
    router, REFERRAL, "create", path="/referrals", create=_create, shown=ReferralShown, location="/referrals/{id}"
)
add_action_routes(router, REFERRAL, path="/referrals/{id}", perform=_perform, shown=ReferralShown)
