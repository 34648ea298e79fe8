"""Observations as they are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, visible
from backbone.database import UnitOfWork
from backbone.paging import keyset
from followup.lifecycle import ObservationState
from followup.queries.check_in import of_course
from followup.queries.facility import named
from followup.rules.response import Suggestion
from followup.schemas import ObservationListed, ObservationShown, SuggestionShown
from followup.tables import Base, CheckIn, Observation

COLUMNS: Final = Base.metadata.tables["observations"].c


async def observations(
    uow: UnitOfWork,
    principal: Principal,
    *,
    journey: UUID | None,
    states: Collection[ObservationState],
    cursor: str | None,
    limit: int,
) -> list[ObservationListed]:
    """The observations this caller may see; one more than the page holds."""
    statement = select(Observation).where(visible(principal, col(Observation.journey)))
    if journey is not None:
        statement = statement.where(col(Observation.journey) == journey)
    if states:
        statement = statement.where(col(Observation.state).in_(states))
    found = await uow.session.execute(keyset(statement, [COLUMNS.id], [UUID], cursor, limit))
    return [ObservationListed.model_validate(row.model_dump()) for row in found.scalars()]


async def show_observation(
    uow: UnitOfWork, row: Observation, check_ins: Sequence[CheckIn], suggestion: Suggestion
) -> ObservationShown:
    """One observation with its contacts and what they suggest."""
    facility = None if row.facility is None else (await named(uow, [row.facility]))[row.facility]
    shown = {
        "facility": facility,
        "suggestion": show_suggestion(suggestion),
        "check_ins": of_course(check_ins),
    }
    return ObservationShown.model_validate(row.model_dump() | shown)


def show_suggestion(suggestion: Suggestion) -> SuggestionShown:
    """A suggestion with the answer it rests on."""
    reading = suggestion.reading
    return SuggestionShown(
        verdict=suggestion.verdict,
        relief=suggestion.relief,
        check_in=None if reading is None else reading.check_in,
        planned_for=None if reading is None else reading.at,
        average_pain=None if reading is None else reading.pain,
        rules=list(suggestion.rules),
        advice=list(suggestion.advice),
    )
