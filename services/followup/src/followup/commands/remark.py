"""Keeping what people wrote in their own words."""

from __future__ import annotations

from backbone.database import UnitOfWork
from backbone.rows import Stateful, new_id
from followup.tables import Remark


def remark(uow: UnitOfWork, row: Stateful, action: str, text: str | None) -> None:
    """Keep what was written about an action on this row, with the role of who wrote it; nothing when nothing was."""
    if text is not None:
        uow.session.add(
            Remark(
                id=new_id(),
                journey=row.journey,
                subject=row.id,
                action=action,
                text=text,
                role=uow.actor.role,
                at=uow.now,
            )
        )
