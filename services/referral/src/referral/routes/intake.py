"""Intake: a FHIR R4 bundle opens a referral."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, Principal, require_role
from backbone.actions import KeyHeader, answer_once, shown_answer
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import Database, UnitOfWork
from backbone.idempotency import Answer, check_key
from backbone.problems import Invalid, Reason
from backbone.settings import Settings
from referral.commands.opening import Order, order_of, take_in
from referral.intake import Intake
from referral.lifecycle import REFERRAL
from referral.lifecycle.given import AskedOfBundle
from referral.routes.bundle import check_media, read
from referral.routes.referral import shown
from referral.schemas import IntakeShown, ReferralSummary
from reliefpath.vocabulary import Profile

router = APIRouter(tags=["intake"])

BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            media: {
                "schema": {
                    "type": "object",
                    "description": "A FHIR R4 Bundle of any type.",
                    "properties": {"resourceType": {"type": "string", "const": "Bundle"}},
                    "required": ["resourceType"],
                }
            }
            for media in ("application/fhir+json", "application/json")
        },
    }
}


@router.post(
    "/intake",
    operation_id="intake",
    status_code=201,
    response_model=IntakeShown,
    responses=PROBLEM_RESPONSES | {200: {"model": IntakeShown, "description": "The same bundle opened it before."}},
    openapi_extra=BODY,
)
async def take_bundle(
    request: Request,
    principal: Caller,
    asked: Annotated[AskedOfBundle, Query()],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Open a referral from a bundle, gzipped or not, and send it, in one step.

    The same bundle to the same facility opens one referral, however often it is sent.
    """
    require_role(principal, *REFERRAL["create"].by)
    check_key(idempotency_key)
    check_media(request)
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    now = await database.now()
    check_day(asked.as_of, now, settings.profile)
    raw = await request.body()
    intake, reasons = await read(raw, settings.intake_limit, as_of=asked.as_of, received=now, reason=asked.reason_code)

    async def work(uow: UnitOfWork) -> Answer:
        order = await order_of(uow, principal, asked, besides=reasons)
        if intake is None:
            raise RuntimeError("a bundle that cannot be read has its reasons")
        return await _take(uow, principal, intake, order)

    return await answer_once(request, principal, idempotency_key, raw, work)


async def _take(uow: UnitOfWork, principal: Principal, intake: Intake, order: Order) -> Answer:
    referral, new = await take_in(uow, principal, intake, order)
    whole = await shown(uow, principal, referral)
    uow.record("intake" if new else "read", "referral", referral.id, journey=referral.journey)
    answer = IntakeShown(
        id=referral.id,
        version=referral.version,
        new=new,
        fingerprint=intake.fingerprint,
        read_on=intake.day,
        resources=intake.resources,
        referral=ReferralSummary.model_validate(whole, from_attributes=True),
        facts=whole.facts,
        not_understood=whole.not_understood,
        missing=whole.missing,
        not_used=list(intake.not_used),
        ignored=list(intake.ignored),
    )
    return shown_answer(answer, 201 if new else 200, f"/referrals/{referral.id}")


def check_day(as_of: date | None, now: datetime, profile: Profile) -> None:
    """Raise Invalid for a day that may not be asked for: any in production, and one that is still to come."""
    if as_of is None:
        return
    if profile is not Profile.DEVELOPMENT:
        message = "Only a development profile reads a record as of another day."
    elif as_of > now.date() + timedelta(days=1):
        message = "This day is still to come."
    else:
        return
    raise Invalid(message, [Reason(code="as-of", message=message, satisfy="Leave as_of out.", pointer="/as_of")])
