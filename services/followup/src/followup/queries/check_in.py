"""Check-ins as they are shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, visible
from backbone.actions import AllowedAction
from backbone.database import UnitOfWork
from backbone.paging import keyset
from followup.lifecycle import CheckInState
from followup.queries.remark import remarks_on
from followup.schemas import CheckInOfCourse, CheckInShown
from followup.tables import Base, CheckIn

COLUMNS: Final = Base.metadata.tables["check_ins"].c


async def check_ins(
    uow: UnitOfWork,
    principal: Principal,
    *,
    journey: UUID | None,
    course: UUID | None,
    states: Collection[CheckInState],
    cursor: str | None,
    limit: int,
) -> list[CheckIn]:
    """The check-ins this caller may see, in the order of their times; one more than the page holds."""
    statement = select(CheckIn).where(visible(principal, col(CheckIn.journey)))
    if journey is not None:
        statement = statement.where(col(CheckIn.journey) == journey)
    if course is not None:
        statement = statement.where(col(CheckIn.course) == course)
    if states:
        statement = statement.where(col(CheckIn.state).in_(states))
    page = keyset(statement, [COLUMNS.due_at, COLUMNS.id], [datetime, UUID], cursor, limit)
    return list((await uow.session.execute(page)).scalars())


async def show_check_ins(
    uow: UnitOfWork, principal: Principal, rows: Collection[CheckIn], actions: Mapping[UUID, list[AllowedAction]]
) -> list[CheckInShown]:
    """These check-ins with what was written about them and what the caller may do."""
    remarks = await remarks_on(uow, principal, [row.id for row in rows])
    return [
        CheckInShown.model_validate(
            row.model_dump() | {"remarks": remarks.get(row.id, []), "allowed_actions": actions[row.id]}
        )
        for row in rows
    ]


def of_course(rows: Iterable[CheckIn]) -> list[CheckInOfCourse]:
    """Check-ins as a series."""
    return [CheckInOfCourse.model_validate(row.model_dump()) for row in rows]
