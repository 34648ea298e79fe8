"""Writing in one journey: locked from the first line, and its read model folded before the last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from backbone.database import UnitOfWork
from referral.tables import Journey
from reliefpath import journey as language
from reliefpath.envelope import Actor
from reliefpath.events import Event
from reliefpath.vocabulary import Exit, Role, Setting, Stage

ITSELF: Final = Actor(Role.SYSTEM, "referral")
"""Who acts when the service acts on its own account."""


@asynccontextmanager
async def writing(uow: UnitOfWork, journey: UUID) -> AsyncIterator[None]:
    """Whatever the block says about this journey is folded into its row in the same transaction."""
    await uow.lock(journey)
    already = len(uow.said)
    yield
    said = [one.event for one in uow.said[already:] if one.stream == journey]
    for event in said:
        await fold(uow, journey, event, uow.now)


async def fold(uow: UnitOfWork, journey: UUID, event: Event, at: datetime) -> None:
    """Move the journey's row by one event of this service, said at that time."""
    row = await uow.session.get(Journey, journey)
    after = language.fold(None if row is None else _read(row), event, at)
    if after is None:
        return
    if row is None:
        row = Journey(id=journey, stage="", setting="", since=at)
        uow.session.add(row)
    row.stage, row.setting, row.since, row.exit = after.stage, after.setting, after.since, after.exit


def _read(row: Journey) -> language.Journey:
    return language.Journey(
        Stage(row.stage), Setting(row.setting), row.since, None if row.exit is None else Exit(row.exit)
    )
