"""The database of one service, and the unit of work: the only place in the project that commits.

A unit of work is one transaction that holds a change, the events it says, its audit rows and, when a consumer opened
it, the Kafka offset. Either all of it is there afterwards or none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import insert, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from backbone import carriage
from backbone.outbox import Said, encoded, write
from backbone.rows import Versioned
from backbone.telemetry import current_trace
from reliefpath.envelope import Actor
from reliefpath.events import Event

log = structlog.get_logger()

LOCK_TIMEOUT: Final = "55P03"
SLOW_STATES: Final = frozenset({LOCK_TIMEOUT, "57014"})
"""SQLSTATEs of work that was given up: lock time-out, statement time-out."""

TRANSIENT_STATES: Final = SLOW_STATES | {"40001", "40P01"}
"""SQLSTATEs after which the same work may well succeed: also serialisation and deadlock."""

LOST_STATES: Final = frozenset({"25006", "57P01", "57P02", "57P03", "08000", "08003", "08006", "53300"})
"""SQLSTATEs of a server that went away, is starting, or became read-only: the connection is of no more use."""

ANSWERS_LATE: Final = 5.0
"""Seconds after a statement's own limit after which the server is taken to be away, even if nothing says so."""

GONE_IS_GONE: Final = {
    "tcp_user_timeout": "10000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
"""A client that takes nothing for ten seconds is disconnected, also one that is stopped while it reads: what it has
locked is another's then."""

CONNECTION_FAILED: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a connection of one's own raises when its server is away, or goes away at whatever moment."""

_NOW: Final = text("SELECT reliefpath_now()")

# An update of nothing locks the row that is there already, so that one round trip does for new streams and for old.
_LOCK: Final = text(
    """
    INSERT INTO backbone.streams AS s (stream) SELECT * FROM unnest(CAST(:wanted AS uuid[]))
    ON CONFLICT (stream) DO UPDATE SET seq = s.seq
    RETURNING s.stream, s.seq, reliefpath_now()
    """
)


_PATIENCE: Final = text("SELECT set_config('lock_timeout', :patience, true)")
_USUAL_PATIENCE: Final = text("SET LOCAL lock_timeout TO DEFAULT")

_AUDIT: Final = insert(carriage.audit)


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE behind an error, if a database caused it."""
    origin = getattr(error, "orig", None)
    return getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None) if origin is not None else None


def fault_of(error: BaseException) -> str:
    """What an error is called, by the driver where it came from there; never what it says, which may name a patient."""
    origin = getattr(error, "orig", None)
    return type((origin and origin.__cause__) or origin or error).__name__


def is_transient(error: BaseException) -> bool:
    """Whether the same work may be tried again unchanged: the fault lies with the database, not with the work."""
    if isinstance(error, DBAPIError):
        state = sqlstate(error)
        return (
            error.connection_invalidated
            or state in TRANSIENT_STATES
            or state in LOST_STATES
            or (state is None and not isinstance(error.orig, ValueError | TypeError))
            or (state is not None and state.startswith("08"))
        )
    return isinstance(error, OSError | TimeoutError | PoolTimeout | asyncpg.InternalClientError)


def is_passing(error: BaseException) -> bool:
    """Whether the fault is the moment's alone. Work that took too long may do so for ever: that counts as a failure."""
    return is_transient(error) and sqlstate(error) not in SLOW_STATES


@dataclass
class UnitOfWork:
    """One transaction, who acts in it and why, and what it says."""

    session: AsyncSession
    now: datetime
    actor: Actor
    cause: str
    trace: str | None = None
    said: list[Said] = field(default_factory=list)
    written: int = 0
    """How many of what was said are rows of the outbox already."""
    _audit: list[dict[str, Any]] = field(default_factory=list)
    places: dict[UUID, int] = field(default_factory=dict)
    """The streams that are locked, each with the `seq` of its last event."""

    async def lock(self, *streams: UUID, patience: float | None = None) -> None:
        """Take the row locks of these streams, in a fixed order: one journey, one writer at a time in this service.

        The first thing a command does. Whoever waits here sees, afterwards, what the holder wrote, and what time it is.
        `patience` is how many seconds to wait, if not as long as for anything else.
        """
        wanted = sorted(set(streams) - self.places.keys())
        if not wanted:
            return
        if patience is not None:
            await self.session.execute(_PATIENCE, {"patience": f"{patience * 1000:.0f}ms"})
        locked = (await self.session.execute(_LOCK, {"wanted": wanted})).all()
        self.places.update({UUID(str(stream)): seq for stream, seq, _ in locked})
        if patience is not None:
            await self.session.execute(_USUAL_PATIENCE)
        self.now = max(now for *_, now in locked)
        self.session.sync_session.info["now"] = self.now

    @contextmanager
    def acting(self, actor: Actor) -> Iterator[None]:
        """Somebody else acts for a while: what follows from a person's act is not that person's doing."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before

    def say(self, stream: UUID, event: Event, rules: Iterable[str] = ()) -> None:
        """Say an event in a stream: it becomes part of this transaction. `rules` are the records it rests on.

        Raises TooLarge for an event that could never be sent.
        """
        self.said.append(Said(stream, event, encoded(event), tuple(rules), self.actor, self.cause, self.trace))

    def record(
        self,
        action: str,
        resource: str,
        resource_id: UUID | None,
        *,
        journey: UUID | None = None,
        before: str | None = None,
        after: str | None = None,
        reason: str | None = None,
        rules: Iterable[str] = (),
        journeys: Iterable[UUID] = (),
    ) -> None:
        """Write down who did or read what, in this transaction."""
        self._audit.append(
            {
                "at": self.now,
                "actor": str(self.actor),
                "action": action,
                "resource": resource,
                "resource_id": resource_id,
                "journeys": sorted({*journeys, *((journey,) if journey else ())}),
                "before": before,
                "after": after,
                "reason": reason,
                "cause": self.cause,
                "rules": list(rules),
            }
        )

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A part of this unit of work that may fail alone: nothing of it is left when the block raises.

        What it said and recorded is written before it counts as done, as that may fail, too. Locks that were taken in
        it are gone with it, as the database gives them back.
        """
        said, written, audit, places = len(self.said), self.written, list(self._audit), dict(self.places)
        try:
            async with self.session.begin_nested():
                yield
                await self.finish()
        except BaseException:
            del self.said[said:]
            self._audit = audit
            self.written, self.places = written, places
            raise

    async def finish(self) -> None:
        """Write what was changed, said and recorded, so that only the commit is left to do. Safe to repeat."""
        await self.session.flush()
        await write(self)
        if self._audit:
            await self.session.execute(_AUDIT, self._audit)
            self._audit = []


class Database:
    """One service's database: its connections, its clock, its transactions."""

    def __init__(self, address: str, *, connections: int = 10, statement_timeout: float = 15.0, name: str = "") -> None:
        url = async_url(address)
        self.address = address
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=5,
            pool_recycle=1800,
            connect_args={
                "timeout": 5,
                "command_timeout": statement_timeout + ANSWERS_LATE,
                "server_settings": {
                    "application_name": (name or "reliefpath")[:60],
                    "statement_timeout": str(int(statement_timeout * 1000)),
                    "lock_timeout": str(int(statement_timeout * 1000)),
                    "idle_in_transaction_session_timeout": "10000",  # as Kafka's sessions: then others go on
                    **GONE_IS_GONE,
                    "client_connection_check_interval": "2000",
                    "timezone": "UTC",
                },
            },
        )
        sqlalchemy_event.listen(self.engine.sync_engine, "handle_error", _lost_connections_are_lost)
        self.after_commit: list[Callable[[], None]] = []

    @asynccontextmanager
    async def unit_of_work(self, *, actor: Actor, cause: str, trace: str | None = None) -> AsyncIterator[UnitOfWork]:
        """One transaction. It commits when the block ends, and rolls back when the block raises."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            sqlalchemy_event.listen(session.sync_session, "before_flush", _stamp_rows)
            now = await _begin(session)
            session.sync_session.info["now"] = now
            uow = UnitOfWork(session, now, actor, cause, trace or current_trace())
            yield uow
            await uow.finish()
            await session.commit()
        if uow.said:
            for call in self.after_commit:
                call()

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of which nothing is kept, on a connection that lives."""
        async with AsyncSession(self.engine) as session:
            await _begin(session)
            yield await session.connection()
            await session.rollback()

    async def now(self) -> datetime:
        """The one clock's time."""
        async with AsyncSession(self.engine) as session:
            return await _begin(session)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def _begin(session: AsyncSession) -> datetime:
    """Begin a transaction; what time it is.

    A connection that the server closed while it lay idle is found here, where nothing is lost by beginning again. To
    ask every connection first whether it lives would cost three round trips a transaction.
    """
    try:
        now: datetime = (await session.execute(_NOW)).scalar_one()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        await session.rollback()
        now = (await session.execute(_NOW)).scalar_one()
    return now


def async_url(address: str) -> URL:
    """A PostgreSQL address as SQLAlchemy wants it for asyncpg."""
    return make_url(address).set(drivername="postgresql+asyncpg")


async def hang_up(connection: asyncpg.Connection[Any]) -> None:
    """Close a connection of one's own, in order if the server answers soon and at once otherwise."""
    try:
        await connection.close(timeout=2)
    except CONNECTION_FAILED:
        connection.terminate()


def _lost_connections_are_lost(context: Any) -> None:
    """A server that turned read-only or is shutting down must not keep its place in the pool."""
    state = getattr(context.original_exception, "sqlstate", None)
    if state in LOST_STATES:
        context.is_disconnect = True


def _stamp_rows(session: Any, *_: Any) -> None:
    now = session.info["now"]
    for row in session.new:
        if isinstance(row, Versioned):
            row.created_at = row.created_at or now
            row.updated_at = row.updated_at or now
    for row in session.dirty:
        if isinstance(row, Versioned) and session.is_modified(row):
            row.updated_at = now
