"""The consumer: reads partitions, and commits a batch's effects, its place in every stream and the offset together.

Where to go on is a row of this database. Kafka's own group is used to share out partitions and to let others watch; it
is told the position afterwards and nothing depends on it. A former owner that wakes up finds the offset row moved and
does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from backbone import carriage, inbox
from backbone.database import Database, UnitOfWork, is_transient
from backbone.hearing import Hearer
from backbone.kafka import Incoming, KafkaAway, Log, OffsetGone, Place
from backbone.telemetry import HEARD, LAG_RECORDS, LAG_SECONDS, RETRIES
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

log = structlog.get_logger()

BATCH: Final = 500
READ_WAIT: Final = 0.5
OBSERVE: Final = 2.0
ALIVE: Final = 10.0
HELD_PAUSE: Final = 0.2


class StoodStill(Exception):
    """The position did not move although there was more to read."""


class Consumer:
    """One member of a service's consumer group."""

    def __init__(
        self,
        database: Database,
        hearer: Hearer,
        make_log: Callable[[], Log],
        beginnings: Callable[[set[Place]], Any],
        service: str,
        watchdog: float,
    ) -> None:
        self._database, self._hearer, self._make_log, self._beginnings = database, hearer, make_log, beginnings
        self._actor = Actor(Role.SYSTEM, service)
        self._watchdog = watchdog
        self._log: Log | None = None
        self._next: dict[Place, int] = {}
        self._oldest: dict[Place, datetime] = {}
        self._working: dict[Place, asyncio.Task[None]] = {}
        self._moved_at: dict[Place, float] = {}
        self._rebuilt_for: frozenset[Place] = frozenset()
        self.offsets_gone: list[str] = []
        self.connected = False

    async def run(self) -> None:
        """Consume until cancelled. Raises StoodStill when a new client stands still as the old one did."""
        delay = 0.2
        while True:
            try:
                await self._consume()
            except KafkaAway as away:
                log.warning("the consumer pauses", reason=str(away), seconds=delay)
            except OffsetGone as gone:
                self.offsets_gone = [f"{place.topic}/{place.partition} at {at}" for place, at in gone.places] or [
                    "unknown"
                ]
                log.error("offsets are gone; nothing is skipped", reason=str(gone), seconds=delay)
            except StoodStill as still:
                log.error("the consumer stood still and is rebuilt", reason=str(still))
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the consumer pauses", error=type(error).__name__, seconds=delay)
            finally:
                self.connected = False
                await self._leave()
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)

    async def _consume(self) -> None:
        source = self._log = self._make_log()
        await source.start(self._gained, self._lost)
        observed = 0.0
        loop = asyncio.get_running_loop()
        while True:
            batches = await source.read(READ_WAIT, BATCH)
            self.connected = True
            if batches:
                self.offsets_gone = []
                await self._work(source, batches)
            if loop.time() - observed >= OBSERVE:
                observed = loop.time()
                await self._observe(source)

    async def _work(self, source: Log, batches: Mapping[Place, Sequence[Incoming]]) -> None:
        for place, messages in batches.items():
            self._oldest[place] = datetime.fromtimestamp(messages[0].at / 1000, UTC)
            self._working[place] = asyncio.create_task(self._work_through(place, messages))
        tasks = set(self._working.values())
        while tasks:
            done, tasks = await asyncio.wait(tasks, timeout=ALIVE)
            for task in done:
                if not task.cancelled():
                    task.result()
            if tasks:
                await self._stay_in_group(source)
        self._working.clear()

    async def _stay_in_group(self, source: Log) -> None:
        """A slow database must not cost us our place: nothing more is read, but the group hears from us."""
        places = list(self._next)
        for place in places:
            source.pause(place)
        await source.read(0, 1)
        for place in places:
            source.resume(place)

    async def _work_through(self, place: Place, messages: Sequence[Incoming]) -> None:
        delay, carefully = 0.05, False
        while True:
            try:
                await self._take(place, messages, carefully)
                return
            except Exception as error:
                if not is_transient(error):
                    if carefully:
                        raise
                    carefully = True
                    continue
                RETRIES.labels("batch").inc()
                log.warning(
                    "a batch is repeated", topic=place.topic, partition=place.partition, error=type(error).__name__
                )
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    async def _take(self, place: Place, messages: Sequence[Incoming], carefully: bool) -> None:
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            expected = await _claim(uow, place)
            fresh = [message for message in messages if message.offset >= expected]
            if not fresh:
                return
            outcomes = await self._hearer.hear(uow, fresh, carefully=carefully)
            await _advance(uow, place, expected, fresh[-1].offset + 1)
        self._next[place] = fresh[-1].offset + 1
        self._moved_at[place] = asyncio.get_running_loop().time()
        self._oldest.pop(place, None)
        for outcome, count in outcomes.items():
            HEARD.labels(place.topic, outcome).inc(count)

    async def _gained(self, places: set[Place]) -> Mapping[Place, int]:
        """The offsets to go on from. A partition never read before is read from its beginning."""
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            known = await _positions(uow, places)
            unknown = places - known.keys()
            if unknown:
                known |= await self._begin(uow, unknown)
        self._next = {**{place: at for place, at in self._next.items() if place in known}, **known}
        now = asyncio.get_running_loop().time()
        self._moved_at = dict.fromkeys(self._next, now)
        log.info("partitions gained", count=len(places))
        return known

    async def _begin(self, uow: UnitOfWork, places: set[Place]) -> dict[Place, int]:
        first = await self._beginnings(places)
        await uow.session.execute(
            upsert(carriage.offsets).on_conflict_do_nothing(),
            [{"topic": one.topic, "partition": one.partition, "next": at} for one, at in first.items()],
        )
        return await _positions(uow, places)

    async def _lost(self, places: set[Place]) -> None:
        """Stop what is in work for partitions that go to another; what was not committed it will do."""
        tasks = [self._working[place] for place in places if place in self._working]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for place in places:
            self._next.pop(place, None)
            self._oldest.pop(place, None)

    async def _observe(self, source: Log) -> None:
        ends = await source.ends()
        now = datetime.now(UTC)
        rows = []
        for place, end in ends.items():
            behind = end > self._next.get(place, end)
            if behind:
                self._oldest.setdefault(place, now)
            else:
                self._oldest.pop(place, None)
                self._moved_at[place] = asyncio.get_running_loop().time()
            rows.append(
                {
                    "topic": place.topic, "partition": place.partition, "next": self._next.get(place, end), "end": end,
                    "oldest_at": self._oldest.get(place), "observed_at": now,
                }
            )  # fmt: skip
        await self._write_lags(rows)
        self._show_lags(rows, now)
        await source.tell(dict(self._next))
        self._check_progress(ends)

    async def _write_lags(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = upsert(carriage.lags)
        columns = {name: statement.excluded[name] for name in ("next", "end", "oldest_at", "observed_at")}
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            await uow.session.execute(
                statement.on_conflict_do_update(index_elements=["topic", "partition"], set_=columns), rows
            )

    def _show_lags(self, rows: list[dict[str, Any]], now: datetime) -> None:
        for topic in {row["topic"] for row in rows}:
            of_topic = [row for row in rows if row["topic"] == topic]
            LAG_RECORDS.labels(topic).set(sum(max(0, row["end"] - row["next"]) for row in of_topic))
            oldest = [row["oldest_at"] for row in of_topic if row["oldest_at"]]
            LAG_SECONDS.labels(topic).set((now - min(oldest)).total_seconds() if oldest else 0)

    def _check_progress(self, ends: Mapping[Place, int]) -> None:
        now = asyncio.get_running_loop().time()
        still = frozenset(
            place
            for place, end in ends.items()
            if end > self._next.get(place, end) and now - self._moved_at.get(place, now) > self._watchdog
        )
        if not still:
            self._rebuilt_for = frozenset()
            return
        if still & self._rebuilt_for:
            raise RuntimeError(f"{len(still)} partitions stand still even with a new client")
        self._rebuilt_for = still
        raise StoodStill(", ".join(f"{place.topic}/{place.partition}" for place in sorted(still, key=str)))

    async def _leave(self) -> None:
        for task in self._working.values():
            task.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)
        self._working.clear()
        source, self._log = self._log, None
        if source is not None:
            await source.stop()


class HeldRetries:
    """Tries held events again when their time has come."""

    def __init__(self, database: Database, hearer: Hearer, service: str) -> None:
        self._database, self._hearer, self._actor = database, hearer, Actor(Role.SYSTEM, service)

    async def run(self) -> None:
        """Try until cancelled."""
        while True:
            try:
                async with self._database.unit_of_work(actor=self._actor, cause="retry") as uow:
                    due = await inbox.due_streams(uow, 20)
                for stream in due:
                    RETRIES.labels("held").inc()
                    async with self._database.unit_of_work(actor=self._actor, cause="retry") as uow:
                        await self._hearer.try_held(uow, stream)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("held events wait for the database", error=type(error).__name__)
                await asyncio.sleep(1)
            with suppress(asyncio.TimeoutError):
                await asyncio.sleep(HELD_PAUSE)


async def _claim(uow: UnitOfWork, place: Place) -> int:
    """The next offset of a partition, locked until the transaction ends."""
    offsets = carriage.offsets
    found = await uow.session.execute(
        select(offsets.c.next)
        .where(offsets.c.topic == place.topic, offsets.c.partition == place.partition)
        .with_for_update()
    )
    return int(found.scalar_one())


async def _advance(uow: UnitOfWork, place: Place, expected: int, next_offset: int) -> None:
    offsets = carriage.offsets
    moved = await uow.session.execute(
        update(offsets)
        .where(offsets.c.topic == place.topic, offsets.c.partition == place.partition, offsets.c.next == expected)
        .values(next=next_offset)
        .returning(offsets.c.next)
    )
    moved.one()


async def _positions(uow: UnitOfWork, places: set[Place]) -> dict[Place, int]:
    found = await uow.session.execute(text("SELECT topic, partition, next FROM backbone.offsets"))
    known = {Place(topic, partition): at for topic, partition, at in found.all()}
    return {place: at for place, at in known.items() if place in places}
