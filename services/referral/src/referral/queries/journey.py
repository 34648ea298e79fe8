"""A journey as it is shown: where it stands, and the referrals and courses it is made of. Nothing tells who it is."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.problems import NotFound
from referral.lifecycle import AttentionState, ReferralState
from referral.queries.facility import named
from referral.schemas import CourseOfJourney, JourneyShown, ReferralOfJourney
from referral.tables import Attention, Course, Journey, Referral


async def show_journey(uow: UnitOfWork, id: UUID) -> JourneyShown:
    """The journey. Raises NotFound until its first referral has been sent."""
    journey = await uow.session.get(Journey, id)
    if journey is None:
        raise NotFound("journey")
    sent = select(Referral).where(col(Referral.journey) == id, col(Referral.state) != ReferralState.DRAFT)
    referrals = (await uow.session.execute(sent.order_by(col(Referral.id)))).scalars().all()
    courses = (
        await uow.session.execute(select(Course).where(col(Course.journey) == id).order_by(col(Course.id)))
    ).scalars()
    waiting = await uow.session.scalar(
        select(func.count())
        .select_from(Attention)
        .where(col(Attention.journey) == id, col(Attention.state) == AttentionState.OPEN)
    )
    facilities = await named(uow, [side for one in referrals for side in (one.from_facility, one.to_facility)])
    return JourneyShown(
        **journey.model_dump(),
        referrals=[
            ReferralOfJourney.model_validate(
                one.model_dump()
                | {"from_facility": facilities[one.from_facility], "to_facility": facilities[one.to_facility]}
            )
            for one in referrals
        ],
        courses=[CourseOfJourney.model_validate(one, from_attributes=True) for one in courses],
        open_attentions=waiting or 0,
    )
