"""Words for tests of the carriage: units of work, voices that say events, ears that leave marks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text

from backbone.database import Database, UnitOfWork
from backbone.messages import Incoming, Outgoing
from backbone.rows import new_id
from reliefpath import events
from reliefpath.envelope import Actor, Attributes, Heard, encode_data, encode_headers
from reliefpath.events import Event, topic_of
from reliefpath.vocabulary import Purpose, Role
from tests.support.visiting.tables import Mark

VISITING: Final = "tests.support.visiting"
SOMEBODY: Final = Actor(Role.COORDINATOR, "coordinator-1")


def unit(db: Database, actor: Actor = SOMEBODY, cause: str = "request:test") -> AbstractAsyncContextManager[UnitOfWork]:
    """A unit of work of somebody."""
    return db.unit_of_work(actor=actor, cause=cause)


async def rows(db: Database, query: str, **given: Any) -> Sequence[Any]:
    """What a query finds, in a transaction of its own."""
    async with db.engine.connect() as connection:
        return (await connection.execute(text(query), given)).all()


async def value(db: Database, query: str, **given: Any) -> Any:
    """The one value a query finds."""
    ((found,),) = await rows(db, query, **given)
    return found


def received() -> Event:
    """An event of the referral service, about nothing in particular."""
    return events.ReferralReceived(referral=new_id())


def arrived() -> Event:
    """An event of the scheduling service, about nothing in particular."""
    return events.PatientArrived(appointment=new_id(), referral=new_id(), purpose=Purpose.ASSESSMENT)


def listed(stream: UUID, code: str = "north") -> Event:
    """An event of the directory."""
    return events.FacilityListed(facility=stream, code=code, kind="clinic")  # type: ignore[arg-type]  # read as JSON is


class Voice:
    """Says events as a relay sends them, numbered per stream and speaker."""

    def __init__(self) -> None:
        self._said: defaultdict[tuple[str, UUID], int] = defaultdict(int)

    def say(self, event: Event, stream: UUID, *, seq: int | None = None, **changed: Any) -> Outgoing:
        """The event as a message; `changed` are attributes that differ from the usual ones."""
        if seq is None:
            self._said[event.speaker, stream] += 1
            seq = self._said[event.speaker, stream]
        given: dict[str, Any] = {
            "id": new_id(),
            "type": event.type,
            "speaker": event.speaker,
            "stream": stream,
            "seq": seq,
            "time": datetime.now(UTC),
            "cause": "request:elsewhere",
            "actor": SOMEBODY,
            **changed,
        }
        return Outgoing(
            topic=topic_of(event.speaker),
            key=str(stream).encode(),
            value=encode_data(event),
            headers=encode_headers(Attributes(**given)),
            at=int(time.time() * 1000),
        )


def read(message: Outgoing, offset: int = 0, partition: int = 0) -> Incoming:
    """A message as a log hands it out."""
    return Incoming(message.topic, partition, offset, message.key, message.value, tuple(message.headers), message.at)


async def leave_mark(uow: UnitOfWork, heard: Heard) -> None:
    """A reaction that leaves one mark per effect."""
    uow.session.add(Mark(journey=heard.attributes.stream, seq=heard.attributes.seq, text=heard.attributes.type))


async def marks(db: Database, journey: UUID) -> list[int]:
    """The `seq`s that had an effect in a journey, in the order of their effects."""
    async with unit(db) as uow:
        found = await uow.session.execute(select(Mark.seq).where(Mark.journey == journey).order_by(Mark.id))  # type: ignore[call-overload]  # a column, not its value
        return list(found.scalars())
