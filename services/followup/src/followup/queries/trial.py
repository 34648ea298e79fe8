"""Trials as they are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, visible
from backbone.actions import AllowedAction
from backbone.database import UnitOfWork
from backbone.paging import keyset
from followup.lifecycle import TrialState
from followup.queries.check_in import of_course
from followup.queries.observation import show_suggestion
from followup.queries.remark import remarks_on
from followup.rules.response import Suggestion
from followup.schemas import TrialListed, TrialShown
from followup.tables import Base, CheckIn, Observation, Trial
from reliefpath.vocabulary import Side

COLUMNS: Final = Base.metadata.tables["trials"].c


async def trials(
    uow: UnitOfWork,
    principal: Principal,
    *,
    journey: UUID | None,
    course: UUID | None,
    states: Collection[TrialState],
    overdue: bool,
    cursor: str | None,
    limit: int,
) -> list[TrialListed]:
    """The trials this caller may see, oldest first; one more than the page holds."""
    statement = select(Trial).where(visible(principal, col(Trial.journey)))
    if journey is not None:
        statement = statement.where(col(Trial.journey) == journey)
    if course is not None:
        statement = statement.where(col(Trial.course) == course)
    if states:
        statement = statement.where(col(Trial.state).in_(states))
    if overdue:
        statement = statement.where(col(Trial.state) == TrialState.AWAITING_VERDICT, col(Trial.verdict_by) < uow.now)
    page = keyset(statement, [COLUMNS.id], [UUID], cursor, limit)
    rows = (await uow.session.execute(page)).scalars().all()
    modalities = await _modalities(uow, [row.course for row in rows])
    return [
        TrialListed.model_validate(
            row.model_dump() | {"modality": modalities[row.course], "overdue": is_overdue(row, uow.now)}
        )
        for row in rows
    ]


async def _modalities(uow: UnitOfWork, courses: Collection[UUID]) -> dict[UUID, str]:
    found = await uow.session.execute(select(Observation).where(col(Observation.id).in_(courses)))
    return {row.id: row.modality for row in found.scalars()}


def is_overdue(row: Trial, now: datetime) -> bool:
    """Whether the trial should have been judged by now."""
    return row.state == TrialState.AWAITING_VERDICT and row.verdict_by is not None and row.verdict_by < now


async def show_trial(
    uow: UnitOfWork,
    principal: Principal,
    row: Trial,
    observation: Observation,
    check_ins: Sequence[CheckIn],
    suggestion: Suggestion,
    sides: frozenset[Side],
    actions: list[AllowedAction],
) -> TrialShown:
    """One trial with its contacts, what they suggest and what the caller may do."""
    remarks = await remarks_on(uow, principal, [row.id])
    shown = {
        "modality": observation.modality,
        "referral": observation.referral,
        "baseline_pain": observation.baseline_pain,
        "personal_pain_goal": observation.personal_pain_goal,
        "overdue": is_overdue(row, uow.now),
        "suggestion": show_suggestion(suggestion),
        "check_ins": of_course(check_ins),
        "remarks": remarks.get(row.id, []),
        "your_sides": sorted(sides),
        "allowed_actions": actions,
    }
    return TrialShown.model_validate(row.model_dump() | shown)
