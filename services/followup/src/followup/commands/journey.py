"""What follow-up knows of a journey, on which side of it a caller stands, and acting on the service's own account."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from backbone.access import Principal, admit
from backbone.database import UnitOfWork
from followup.tables import Journey
from reliefpath import events
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role, Side

ITSELF: Final = Actor(Role.SYSTEM, "followup")
"""Who acts when the service acts on its own account."""


async def learn(uow: UnitOfWork, journey: UUID, requested: events.ReferralRequested) -> None:
    """A referral was sent, or goes on at another facility: both its sides may see the journey."""
    row = await uow.session.get(Journey, journey)
    if row is None:
        row = Journey(
            id=journey,
            referral=requested.referral,
            from_facility=requested.from_facility,
            to_facility=requested.to_facility,
        )
        uow.session.add(row)
    else:
        row.referral = requested.referral
        row.from_facility, row.to_facility = requested.from_facility, requested.to_facility
    row.closed_because = None
    await admit(uow, journey, [requested.from_facility, requested.to_facility])


async def note_closed(uow: UnitOfWork, journey: UUID, because: str | None) -> None:
    """The referral has come to an end, for the reason named; or goes on, when there is none."""
    row = await uow.session.get(Journey, journey)
    if row is not None:
        row.closed_because = because


async def is_closed(uow: UnitOfWork, journey: UUID) -> bool:
    """Whether the journey is known to have ended: then nothing begins any more."""
    row = await uow.session.get(Journey, journey)
    return row is not None and row.closed_because is not None


async def sides_of(
    uow: UnitOfWork, principal: Principal, journey: UUID, performed_at: UUID | None = None
) -> frozenset[Side]:
    """The sides of a journey's referral on which the caller's facilities stand.

    The facility at which the course is performed is the receiving side, too.
    """
    row = await uow.session.get(Journey, journey)
    receivers = {performed_at} if row is None else {performed_at, row.to_facility}
    sides = set()
    if receivers & principal.facilities:
        sides.add(Side.RECEIVER)
    if row is not None and row.from_facility in principal.facilities:
        sides.add(Side.SENDER)
    return frozenset(sides)
