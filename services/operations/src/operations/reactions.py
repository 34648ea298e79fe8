"""What operations does about an event, whichever it is: write it down, and move the journey it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backbone.database import UnitOfWork
from backbone.hearing import Reaction
from operations.tables import HeardEvent, Journey
from reliefpath import journey
from reliefpath.envelope import Heard
from reliefpath.events import CATALOGUE, Event, Speaker
from reliefpath.vocabulary import Exit, Setting, Stage


async def on_anything(uow: UnitOfWork, heard: Heard) -> None:
    """Write an event down; fold it into its journey when the referral service said it."""
    uow.session.add(_row_of(heard))
    if heard.attributes.speaker is Speaker.REFERRAL:
        await _fold(uow, heard)


def _row_of(heard: Heard) -> HeardEvent:
    said, origin = heard.attributes, heard.origin
    if origin is None:
        raise ValueError("an event that was read from no log has no place to be written down with")
    return HeardEvent(
        id=said.id,
        stream=said.stream,
        speaker=said.speaker,
        seq=said.seq,
        type=said.type,
        time=said.time,
        cause=said.cause,
        actor=said.actor.role,
        rules=list(said.rules),
        trace=said.trace,
        recorded_at=origin.recorded_at,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
    )


async def _fold(uow: UnitOfWork, heard: Heard) -> None:
    said = heard.attributes
    row = await uow.session.get(Journey, said.stream)
    moved = journey.fold(_standing(row) if row else None, heard.event, said.time)
    if moved is None:
        return
    if row is None:
        row = Journey(id=said.stream, stage=moved.stage, setting=moved.setting, since=moved.since, began_at=said.time)
        uow.session.add(row)
    row.stage, row.setting, row.exit, row.since = moved.stage, moved.setting, moved.exit, moved.since


def _standing(row: Journey) -> journey.Journey:
    return journey.Journey(Stage(row.stage), Setting(row.setting), row.since, Exit(row.exit) if row.exit else None)


REACTIONS: Final[Mapping[type[Event], Reaction]] = dict.fromkeys(CATALOGUE.values(), on_anything)

READ_MODELS: Final = {"events": REACTIONS, "journeys": REACTIONS}
