"""What the carriage keeps, and for how long: the outbox by months, answers to keyed requests for a day.

The outbox has a partition for every month, made ahead of time. One is dropped when its last day is longer ago than the
outbox is kept and every relay's cursor has passed all of it, so the outbox never holds more than that time and a month.
Should nobody have made a month's partition, its events go to `outbox_rest` and move once there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import structlog
from sqlalchemy import text

from backbone import idempotency
from backbone.database import Database, UnitOfWork, fault_of, is_transient
from backbone.outbox import UNSEEN
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

log = structlog.get_logger()

EVERY: Final = 600.0
MONTHS_AHEAD: Final = 2
WAIT: Final = "500ms"
"""How long a lock on the outbox is waited for. Whoever writes to it meanwhile waits as long."""

_ONE_AT_A_TIME: Final = "SELECT pg_try_advisory_xact_lock(722, 2)"
_PARTITIONS: Final = text(
    r"""
    SELECT c.relname AS name,
        CAST(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)') AS timestamptz) AS begins,
        CAST(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)') AS timestamptz) AS ends,
        clock_timestamp() AS now
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = CAST('backbone.outbox' AS regclass) ORDER BY ends
    """
)
"""The first one has no beginning, the rest has neither bound."""
_MAKE: Final = (
    "CREATE TABLE backbone.{name} (LIKE backbone.outbox INCLUDING DEFAULTS)",
    """
    WITH moved AS (
        DELETE FROM backbone.outbox_rest WHERE recorded_at >= '{begins}' AND recorded_at < '{ends}' RETURNING *
    ) INSERT INTO backbone.{name} SELECT * FROM moved
    """,
    # A place of a stream is given once: the stream's row sees to it, and within a month this.
    "CREATE UNIQUE INDEX ix_{name}_stream_seq ON backbone.{name} (stream, seq)",
    "ALTER TABLE backbone.outbox ATTACH PARTITION backbone.{name} FOR VALUES FROM ('{begins}') TO ('{ends}')",
)
_UNSENT: Final = """
SELECT EXISTS (SELECT 1 FROM backbone.cursors c JOIN backbone.{name} o ON o.bucket = c.bucket AND {unseen})
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A partition that is to be: its name and its bounds."""

    name: str
    begins: datetime
    ends: datetime


class Retention:
    """Makes room ahead of time and forgets what need not be kept, now and then."""

    def __init__(self, database: Database, service: str, outbox_days: int) -> None:
        self._database, self._actor, self._outbox_days = database, Actor(Role.SYSTEM, service), outbox_days

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            try:
                await self.go_round()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("what is old is forgotten later", error=fault_of(error))
            await asyncio.sleep(EVERY)

    async def go_round(self) -> None:
        """Forget old answers, make the partitions of the coming months, drop those whose time is over."""
        async with self._unit() as uow:
            await idempotency.forget(uow)
        async with self._unit() as uow:
            await make_room(uow)
        for name in await self._over():
            async with self._unit() as uow:
                await drop_if_passed(uow, name)

    async def _over(self) -> list[str]:
        if not self._outbox_days:
            return []
        async with self._unit() as uow:
            there = (await uow.session.execute(_PARTITIONS)).all()
        kept = timedelta(days=self._outbox_days)
        return [one.name for one in there if one.ends and one.ends <= one.now - kept]

    def _unit(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._database.unit_of_work(actor=self._actor, cause="retention")


async def make_room(uow: UnitOfWork, ahead: int = MONTHS_AHEAD) -> list[str]:
    """Make the partitions of this month and those to come; the names of those made. One worker does it at a time."""
    if not await _alone(uow):
        return []
    there = (await uow.session.execute(_PARTITIONS)).all()
    covered = {one.begins for one in there}
    first = max((one.ends for one in there if one.begins is None and one.ends), default=None)
    months = list(islice(months_from(there[0].now), ahead + 1))
    wanted = [one for one in months if one.begins not in covered and (first is None or one.begins >= first)]
    if wanted:
        # Nothing new may arrive in the rest between its being looked through and the new partition's being there.
        await uow.session.execute(text("LOCK TABLE backbone.outbox_rest IN ACCESS EXCLUSIVE MODE"))
    for month in wanted:
        await make(uow, month)
    return [month.name for month in wanted]


def months_from(moment: datetime) -> Iterator[Month]:
    """The month of a moment and those after it, by UTC."""
    begins = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while True:
        ends = (begins + timedelta(days=31)).replace(day=1)
        yield Month(f"outbox_{begins:%Y_%m}", begins, ends)
        begins = ends


async def make(uow: UnitOfWork, month: Month) -> None:
    """Make a month's partition, with what went to the rest meanwhile."""
    for statement in _MAKE:
        named = statement.format(name=month.name, begins=month.begins.isoformat(), ends=month.ends.isoformat())
        await uow.session.execute(text(named))
    log.info("the outbox has a new partition", partition=month.name)


async def drop_if_passed(uow: UnitOfWork, name: str) -> bool:
    """Drop a partition of the outbox if all of it has been relayed; whether it was.

    Under a lock, as a transaction that began long ago may still add a row to it.
    """
    unsent = text(_UNSENT.format(name=name, unseen=UNSEEN))
    if not await _alone(uow) or (await uow.session.execute(unsent)).scalar_one():
        return False
    await uow.session.execute(text("LOCK TABLE backbone.outbox IN ACCESS EXCLUSIVE MODE"))
    if (await uow.session.execute(unsent)).scalar_one():
        return False
    await uow.session.execute(text(f"DROP TABLE backbone.{name}"))
    log.info("an old partition of the outbox is dropped", partition=name)
    return True


async def _alone(uow: UnitOfWork) -> bool:
    await uow.session.execute(text(f"SET LOCAL lock_timeout = '{WAIT}'"))
    return bool((await uow.session.execute(text(_ONE_AT_A_TIME))).scalar_one())
