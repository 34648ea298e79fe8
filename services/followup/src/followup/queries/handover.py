"""Handovers as they are shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, visible
from backbone.actions import AllowedAction
from backbone.database import UnitOfWork
from backbone.paging import keyset
from followup.lifecycle import HandoverState
from followup.queries.facility import named
from followup.queries.remark import remarks_on
from followup.schemas import HandoverShown
from followup.tables import Base, Handover
from reliefpath.vocabulary import Side

COLUMNS: Final = Base.metadata.tables["handovers"].c


async def handovers(
    uow: UnitOfWork,
    principal: Principal,
    *,
    journey: UUID | None,
    states: Collection[HandoverState],
    cursor: str | None,
    limit: int,
) -> list[Handover]:
    """The handovers this caller may see, those to be answered first at the front; one more than the page holds."""
    statement = select(Handover).where(visible(principal, col(Handover.journey)))
    if journey is not None:
        statement = statement.where(col(Handover.journey) == journey)
    if states:
        statement = statement.where(col(Handover.state).in_(states))
    page = keyset(statement, [COLUMNS.answer_by, COLUMNS.id], [datetime, UUID], cursor, limit)
    return list((await uow.session.execute(page)).scalars())


async def show_handovers(
    uow: UnitOfWork,
    principal: Principal,
    rows: Collection[Handover],
    sides: Mapping[UUID, frozenset[Side]],
    actions: Mapping[UUID, list[AllowedAction]],
) -> list[HandoverShown]:
    """These handovers with who they are between and what the caller may do."""
    facilities = await named(uow, [one for row in rows for one in (row.from_facility, row.to_facility)])
    remarks = await remarks_on(uow, principal, [row.id for row in rows])
    return [
        HandoverShown.model_validate(
            row.model_dump()
            | {
                "from_facility": facilities[row.from_facility],
                "to_facility": facilities[row.to_facility],
                "remarks": remarks.get(row.id, []),
                "your_sides": sorted(sides[row.id]),
                "allowed_actions": actions[row.id],
            }
        )
        for row in rows
    ]
