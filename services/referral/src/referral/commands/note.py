"""Keeping what people wrote in their own words."""

from __future__ import annotations

from uuid import UUID

from backbone.database import UnitOfWork
from referral.lifecycle import NoteKind
from referral.tables import Note


def note(
    uow: UnitOfWork, journey: UUID, referral: UUID, kind: NoteKind, text: str | None, *, course: UUID | None = None
) -> None:
    """Keep a piece of free text, with the role of who wrote it. Nothing is kept when nothing was written."""
    if text is None:
        return
    uow.session.add(
        Note(
            journey=journey,
            referral=referral,
            course=course,
            kind=kind,
            text=text,
            role=uow.actor.role,
            written_at=uow.now,
        )
    )
