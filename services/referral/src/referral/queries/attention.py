"""Attentions as they are shown: to the facilities whose hand they ask for, and to no other."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal
from backbone.actions import allowed_actions
from backbone.database import UnitOfWork
from referral.lifecycle import ATTENTION, AttentionState
from referral.rules.attention import AttentionFacts
from referral.schemas import AttentionShown
from referral.tables import Attention


def show_attention(principal: Principal, row: Attention) -> AttentionShown:
    """The attention for this caller, with what they may do now."""
    actions = allowed_actions(ATTENTION, AttentionFacts(AttentionState(row.state)), principal)
    return AttentionShown.model_validate(row.model_dump() | {"raised_at": row.created_at, "allowed_actions": actions})


async def attentions_of(uow: UnitOfWork, principal: Principal, journey: UUID) -> list[AttentionShown]:
    """The open attentions of a journey that ask for the caller's hand, oldest first."""
    statement = select(Attention).where(
        col(Attention.journey) == journey,
        col(Attention.state) == AttentionState.OPEN,
        col(Attention.facility).in_(principal.facilities),
    )
    rows = (await uow.session.execute(statement.order_by(col(Attention.id)))).scalars()
    return [show_attention(principal, row) for row in rows]
