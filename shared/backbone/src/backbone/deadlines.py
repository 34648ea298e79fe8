"""Deadlines: what happens at a time unless something else happens first. Rows, so that no restart forgets them.

The one clock decides, `reliefpath_now()`. Many workers take them: a journey's lock and the deadline's row are taken
together with SKIP LOCKED, and what the handler does commits with the row's being done. So each has its effect once.
One whose handler fails too often is parked: it stays open, and a person retries or discards it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from backbone.carriage import deadlines
from backbone.database import Database, UnitOfWork, fault_of, is_passing, is_transient
from backbone.rows import new_id
from backbone.telemetry import DEADLINE_SECONDS, DEADLINES
from backbone.tries import delay_before, describe
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

log = structlog.get_logger()

PAUSE: Final = 0.5

LATER: Final = 1.0
"""Seconds after which those of a journey may be taken again, when one of them met a passing fault."""

_TAKE: Final = text(
    """
    SELECT d.id, d.kind, d.journey, d.subject, d.due_at, d.attempts, d.cause FROM backbone.deadlines d
    JOIN backbone.streams s ON s.stream = d.journey
    WHERE d.done_at IS NULL AND d.ended IS NULL AND d.due_at <= reliefpath_now()
      AND (d.next_try_at IS NULL OR d.next_try_at <= clock_timestamp()) AND d.journey <> ALL(CAST(:passed AS uuid[]))
    ORDER BY d.due_at, d.id LIMIT 1
    FOR UPDATE OF s, d SKIP LOCKED
    """
)

# All that are due in a journey, so that they go on in their order. A commit whose answer was lost may have ended the
# one or set it anew, and another worker may have taken it since.
_PUT_OFF: Final = text(
    """
    UPDATE backbone.deadlines SET next_try_at = greatest(next_try_at, now() + make_interval(secs => :later))
    WHERE id IN
      (SELECT id FROM backbone.deadlines WHERE journey = :journey AND done_at IS NULL AND ended IS NULL
       AND due_at <= reliefpath_now() AND (id <> :id OR due_at = :due_at) FOR UPDATE SKIP LOCKED)
    """
)


class DeadlineStatus(StrEnum):
    """How a deadline stands: it will fire by itself, a person has to look at it, or how it ended."""

    OPEN = "open"
    PARKED = "parked"
    FIRED = "fired"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline whose time has come. `cause` is the event or request that led to its being set."""

    id: UUID
    kind: str
    journey: UUID
    subject: UUID
    due_at: datetime
    attempts: int
    cause: str

    @classmethod
    def of(cls, row: Any) -> Deadline:
        """The deadline that a row tells of."""
        return cls(row.id, row.kind, row.journey, row.subject, row.due_at, row.attempts, row.cause)


Handler = Callable[[UnitOfWork, Deadline], Awaitable[None]]


async def set_deadline(uow: UnitOfWork, kind: str, *, journey: UUID, subject: UUID, due_at: datetime) -> None:
    """Let this kind of deadline of this subject be at `due_at`; an open one, parked or not, is moved there."""
    await uow.lock(journey)
    cause = _first_cause(uow.cause)
    statement = upsert(deadlines).values(
        id=new_id(), kind=kind, journey=journey, subject=subject, due_at=due_at, cause=cause
    )
    await uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=deadlines.c.done_at.is_(None),
            set_={"due_at": due_at, "cause": cause, "attempts": 0, "next_try_at": None, "error": None, "ended": None},
        )
    )


async def cancel_deadlines(
    uow: UnitOfWork, *, subject: UUID | None = None, journey: UUID | None = None, kind: str | None = None
) -> None:
    """Let the open deadlines of a subject or a journey, perhaps of one kind only, never be."""
    if subject is None and journey is None:
        raise ValueError("name a subject or a journey")
    statement = update(deadlines).where(deadlines.c.done_at.is_(None))
    for column, wanted in ((deadlines.c.subject, subject), (deadlines.c.journey, journey), (deadlines.c.kind, kind)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    await uow.session.execute(statement.values(done_at=uow.now, ended=DeadlineStatus.CANCELLED))


class Alarm:
    """What a service does when a deadline's time has come: its handlers, in the service's own name."""

    def __init__(self, service: str, handlers: Mapping[str, Handler]) -> None:
        self._actor, self._handlers = Actor(Role.SYSTEM, service), handlers

    async def go_off(self, uow: UnitOfWork, deadline: Deadline) -> str | None:
        """Let the deadline have its effect; why it has none, when its handler failed. Its journey must be locked."""
        handler = self._handlers.get(deadline.kind)
        if handler is None:
            return f"nobody handles {deadline.kind}"
        before = uow.actor, uow.cause
        uow.actor, uow.cause = self._actor, f"deadline:{deadline.kind}:{deadline.id}:{deadline.cause}"
        started = time.perf_counter()
        try:
            async with uow.attempt():
                await handler(uow, deadline)
        except Exception as error:
            if is_passing(error):
                raise
            log.error("a deadline failed", kind=deadline.kind, resource_id=str(deadline.subject), exc_info=error)
            return describe(error)
        finally:
            DEADLINE_SECONDS.labels(deadline.kind).observe(time.perf_counter() - started)
            uow.actor, uow.cause = before
        return None

    async def retry(self, uow: UnitOfWork, deadline: Deadline, by: str, because: str) -> None:
        """Try a parked deadline once more because a person asked for it: it fires, or stays parked."""
        error = await self.go_off(uow, deadline)
        if error is None:
            await _end(uow, deadline, DeadlineStatus.FIRED, by, because)
        else:
            await _park(uow, deadline, error)


async def discard_deadline(uow: UnitOfWork, deadline: Deadline, by: str, because: str) -> None:
    """Let a parked deadline have no effect, for a reason."""
    await _end(uow, deadline, DeadlineStatus.DISCARDED, by, because)


class DeadlineWatch:
    """Takes the deadlines of one service, the earliest first."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler], service: str, tries: int) -> None:
        self._database, self._alarm, self._tries = database, Alarm(service, handlers), tries
        self._actor = Actor(Role.SYSTEM, service)
        self._passed = set[UUID]()
        """Journeys put off since all were last looked at: however long each takes to fail, it stops the others once."""

    async def run(self) -> None:
        """Take deadlines until cancelled."""
        while True:
            self._passed.clear()
            try:
                while await self.take_one():
                    pass
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("deadlines wait for the database", error=fault_of(error))
                await asyncio.sleep(1)
            await asyncio.sleep(PAUSE)

    async def take_one(self) -> bool:
        """Take one deadline whose time has come; False when there is none.

        One that meets a passing fault is put off with its journey, which is no try, so that the next one is taken.
        """
        deadline = None
        try:
            async with self._database.unit_of_work(actor=self._actor, cause="deadline") as uow:
                row = (await uow.session.execute(_TAKE, {"passed": list(self._passed)})).first()
                if row is None:
                    return False
                deadline = Deadline.of(row)
                await uow.lock(deadline.journey)
                outcome = await self._fire(uow, deadline)
        except Exception as error:
            if deadline is None or not is_transient(error):
                raise
            await self._put_off(deadline, error)
            outcome = "put_off"
        DEADLINES.labels(deadline.kind, outcome).inc()
        return True

    async def _fire(self, uow: UnitOfWork, deadline: Deadline) -> str:
        error = await self._alarm.go_off(uow, deadline)
        if error is None:
            await _end(uow, deadline, DeadlineStatus.FIRED)
            return "fired"
        if deadline.attempts + 1 >= self._tries:
            await _park(uow, deadline, error)
            return "parked"
        await self._try_later(uow, deadline, error)
        return "failed"

    async def _put_off(self, deadline: Deadline, error: Exception) -> None:
        log.warning(
            "a deadline is put off",
            kind=deadline.kind,
            resource_id=str(deadline.subject),
            error=fault_of(error),
        )
        self._passed.add(deadline.journey)
        async with self._database.unit_of_work(actor=self._actor, cause="deadline") as uow:
            one = {"id": deadline.id, "journey": deadline.journey, "due_at": deadline.due_at}
            await uow.session.execute(_PUT_OFF, {**one, "later": LATER})

    async def _try_later(self, uow: UnitOfWork, deadline: Deadline, error: str) -> None:
        attempts = deadline.attempts + 1
        wait = f"clock_timestamp() + interval '{delay_before(attempts + 1)} seconds'"
        await uow.session.execute(
            update(deadlines)
            .where(deadlines.c.id == deadline.id)
            .values(attempts=attempts, error=error, next_try_at=text(wait))
        )


def _first_cause(cause: str) -> str:
    """What led to a deadline that another deadline's handler sets: what had led to that one."""
    return cause.split(":", 3)[-1] if cause.startswith("deadline:") else cause


async def _park(uow: UnitOfWork, deadline: Deadline, error: str) -> None:
    """The deadline stays open, and nothing tries it again by itself."""
    await uow.session.execute(
        update(deadlines)
        .where(deadlines.c.id == deadline.id)
        .values(ended=DeadlineStatus.PARKED, attempts=deadline.attempts + 1, error=error, next_try_at=None)
    )


async def _end(
    uow: UnitOfWork, deadline: Deadline, how: DeadlineStatus, by: str | None = None, because: str | None = None
) -> None:
    """The deadline has been, unless its own handler set it anew: then it stays open for its new time."""
    error = None if how is DeadlineStatus.FIRED else deadlines.c.error
    await uow.session.execute(
        update(deadlines)
        .where(deadlines.c.id == deadline.id, deadlines.c.due_at == deadline.due_at)
        .values(done_at=uow.now, ended=how, ended_by=by, ended_because=because, next_try_at=None, error=error)
    )
