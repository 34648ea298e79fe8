"""What operations reads of its own tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, true
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.paging import keyset
from operations import traces
from operations.schemas import (
    CauseShown,
    Counts,
    EventShown,
    JourneyShown,
    JourneyTraced,
    Missing,
    StageCount,
)
from operations.tables import Base, HeardEvent, Journey
from reliefpath.events import Speaker
from reliefpath.vocabulary import Exit, Role, Setting, Stage

STAGES = {stage: place for place, stage in enumerate(Stage)}
SETTINGS = {setting: place for place, setting in enumerate(Setting)}


async def journeys(
    uow: UnitOfWork,
    *,
    stage: Sequence[Stage] | None,
    setting: Sequence[Setting] | None,
    cursor: str | None,
    limit: int,
) -> list[JourneyShown]:
    """Journeys, those first that have stood at their stage the longest; one more than `limit` when there are more."""
    last = (
        select(col(HeardEvent.type), col(HeardEvent.speaker), col(HeardEvent.time))
        .where(col(HeardEvent.stream) == col(Journey.id))
        .order_by(col(HeardEvent.recorded_at).desc(), col(HeardEvent.id).desc())
        .limit(1)
        .lateral()
    )
    statement = select(Journey, last.c.type, last.c.speaker, last.c.time).join(last, true())
    if stage:
        statement = statement.where(col(Journey.stage).in_(stage))
    if setting:
        statement = statement.where(col(Journey.setting).in_(setting))
    columns = Base.metadata.tables["journeys"].c
    statement = keyset(statement, [columns.since, columns.id], [datetime, UUID], cursor, limit)
    return [_journey(row, uow.now) for row in (await uow.session.execute(statement)).all()]


async def journey(uow: UnitOfWork, id: UUID) -> JourneyTraced | None:
    """A journey's events in causal order, or None when nothing was heard of it."""
    found = await uow.session.execute(
        select(HeardEvent).where(col(HeardEvent.stream) == id, col(HeardEvent.speaker) != Speaker.DIRECTORY)
    )
    events = found.scalars().all()
    if not events:
        return None
    row = await uow.session.get(Journey, id)
    traced = traces.trace(events)
    return JourneyTraced(
        journey=id,
        stage=Stage(row.stage) if row else None,
        setting=Setting(row.setting) if row else None,
        exit=Exit(row.exit) if row and row.exit else None,
        since=row.since if row else None,
        began_at=row.began_at if row else None,
        events=[_event(step, traced.steps) for step in traced.steps],
        missing=[Missing(speaker=Speaker(gap.speaker), seq=gap.seq) for gap in traced.gaps],
    )


async def counts(uow: UnitOfWork) -> Counts:
    """How many journeys stand at each stage, per setting, and how the closed ones ended."""
    place = (col(Journey.stage), col(Journey.setting), col(Journey.exit))
    found = await uow.session.execute(
        select(*place, func.count().label("journeys"), func.min(col(Journey.since)).label("oldest")).group_by(*place)
    )
    counted = [
        StageCount(
            stage=Stage(row.stage),
            setting=Setting(row.setting),
            exit=Exit(row.exit) if row.exit else None,
            journeys=row.journeys,
            oldest_since=row.oldest,
        )
        for row in found.all()
    ]
    counted.sort(key=lambda one: (STAGES[one.stage], SETTINGS[one.setting], one.exit or ""))
    return Counts(
        counts=counted,
        journeys=sum(one.journeys for one in counted),
        open=sum(one.journeys for one in counted if one.stage is not Stage.CLOSED),
    )


def _journey(row: Row[Any], now: datetime) -> JourneyShown:
    standing: Journey = row.Journey
    return JourneyShown(
        journey=standing.id,
        stage=Stage(standing.stage),
        setting=Setting(standing.setting),
        exit=Exit(standing.exit) if standing.exit else None,
        since=standing.since,
        seconds_in_stage=(now - standing.since).total_seconds(),
        began_at=standing.began_at,
        last_event=row.type,
        last_speaker=Speaker(row.speaker),
        last_at=row.time,
    )


def _event(step: traces.Step[HeardEvent], steps: Sequence[traces.Step[HeardEvent]]) -> EventShown:
    event, cause = step.event, step.cause
    return EventShown(
        position=step.position,
        id=event.id,
        speaker=Speaker(event.speaker),
        seq=event.seq,
        type=event.type,
        time=event.time,
        actor=Role(event.actor),
        rules=event.rules,
        cause=CauseShown(
            kind=cause.kind,
            id=cause.id,
            position=cause.position,
            type=steps[cause.position - 1].event.type if cause.position else None,
            seconds_before=step.after_cause.total_seconds() if step.after_cause is not None else None,
        ),
        depth=step.depth,
        trace_id=event.trace.split("-")[1] if event.trace else None,
        recorded_at=event.recorded_at,
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
    )
