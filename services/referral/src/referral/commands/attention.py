"""Asking for a person's hand, and saying that it is no longer needed."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, require_visible
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from backbone.transitions import begin, expect, move
from referral.commands.journey import ITSELF
from referral.commands.note import note
from referral.lifecycle import ATTENTION, AttentionKind, AttentionState, NoteKind
from referral.lifecycle.attention import Clear
from referral.rules.attention import AttentionFacts
from referral.tables import Attention, Referral


async def raise_attention(
    uow: UnitOfWork, referral: Referral, kind: AttentionKind, subject: UUID, facility: UUID | None = None
) -> None:
    """Ask somebody at a facility, the receiver's unless another is named, to look. Asked already, nothing changes."""
    if await _open(uow, referral.journey, [kind], subject):
        return
    row = Attention(
        journey=referral.journey,
        state=AttentionState.OPEN,
        referral=referral.id,
        facility=facility or referral.to_facility,
        kind=kind,
        subject=subject,
    )
    with uow.acting(ITSELF):
        begin(uow, ATTENTION, row, "raise", AttentionFacts(AttentionState.OPEN))
    await uow.session.flush()


async def lapse(
    uow: UnitOfWork, journey: UUID, kinds: Iterable[AttentionKind] = AttentionKind, subject: UUID | None = None
) -> None:
    """Drop what no longer needs a hand: these kinds in a journey, perhaps about one subject only."""
    with uow.acting(ITSELF):
        for row in await _open(uow, journey, kinds, subject):
            move(uow, ATTENTION, row, "lapse", AttentionFacts(AttentionState(row.state)))
            row.ended_at = uow.now


async def clear(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Clear, expected: int | None
) -> Attention:
    """Say that somebody has seen to it. Raises NotFound, Stale, Refused."""
    journey = await uow.session.scalar(
        select(col(Attention.journey)).where(col(Attention.id) == id, col(Attention.facility).in_(principal.facilities))
    )
    if journey is None:
        raise NotFound("attention")
    await require_visible(uow, principal, journey, "attention")
    await uow.lock(journey)
    row = await uow.session.get_one(Attention, id)
    expect(row, expected)
    facts = AttentionFacts(AttentionState(row.state))
    move(uow, ATTENTION, row, action, facts, command=command, reason=command.outcome_code)
    row.outcome_code, row.ended_at = command.outcome_code, uow.now
    note(uow, row.journey, row.referral, NoteKind.CLEARANCE, command.note)
    return row


async def _open(
    uow: UnitOfWork, journey: UUID, kinds: Iterable[AttentionKind], subject: UUID | None
) -> list[Attention]:
    statement = select(Attention).where(
        col(Attention.journey) == journey,
        col(Attention.state) == AttentionState.OPEN,
        col(Attention.kind).in_(list(kinds)),
    )
    if subject is not None:
        statement = statement.where(col(Attention.subject) == subject)
    return list((await uow.session.execute(statement)).scalars())
