"""The consumer: reads partitions, and commits a batch's effects, its place in every stream and the offset together.

Where to go on is a row of this database. Kafka's own group is used to share out partitions and to let others watch; it
is told the position afterwards and nothing depends on it. A former owner that wakes up finds the offset row moved and
does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from backbone import offsets
from backbone.database import Database, fault_of, is_passing, is_transient
from backbone.hearing import Hearer
from backbone.lag import Lag
from backbone.messages import Incoming, KafkaAway, Log, OffsetGone, Place
from backbone.telemetry import HEARD, OFFSETS_GONE, RETRIES
from backbone.watchdog import Pulse, StoodStill, Watchdog
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

log = structlog.get_logger()

BATCH: Final = 500
READ_WAIT: Final = 0.5
SHORT_WORK: Final = 1.0
"""Seconds that what was read is waited for, before the partitions that are done are read on beside the others."""
OBSERVE: Final = 2.0
PAUSED: Final = 2.0
"""Seconds of standing still in which a topic may have been made anew under our client without its noticing."""
TELLING: Final = 2.0
"""Seconds that telling how far we are may take."""
FIRST_DELAY: Final = 0.2
LAST_DELAY: Final = 5.0


class Misplaced(Exception):
    """The database holds another position than this program: one before it, or none. It begins again from there."""


class Consumer:
    """One member of a service's consumer group."""

    def __init__(
        self,
        database: Database,
        hearer: Hearer,
        make_log: Callable[[], Log],
        beginnings: Callable[[set[Place]], Awaitable[Mapping[Place, int]]],
        service: str,
        watchdog: float,
    ) -> None:
        self._database, self._hearer, self._make_log, self._beginnings = database, hearer, make_log, beginnings
        self._actor = Actor(Role.SYSTEM, service)
        self._watchdog: Watchdog[Place] = Watchdog(watchdog)
        self._log: Log | None = None
        self._next: dict[Place, int] = {}
        self._handed: dict[Place, int] = {}
        self._doubted: set[Place] = set()
        self._shares = 0
        """How often partitions were shared out or taken back. What was read meanwhile may be from before or behind."""
        self._pulse = Pulse(PAUSED)
        self._lag = Lag()
        self._working: dict[Place, asyncio.Task[None]] = {}
        self._gone: dict[Place, int] = {}
        self._delay = FIRST_DELAY
        self.connected = False

    @property
    def offsets_gone(self) -> list[str]:
        """The partitions that cannot be read on, as their next offset is not there any more."""
        return sorted(f"{place} at {at}" for place, at in self._gone.items())

    async def run(self) -> None:
        """Consume until cancelled. Raises StoodStill when a new client stands still as the old one did."""
        while True:
            try:
                await self._consume()
            except KafkaAway as away:
                log.warning("the consumer pauses", reason=str(away), seconds=self._delay)
            except StoodStill as still:
                if still.again:
                    raise
                log.error("the consumer stood still and is rebuilt", reason=str(still))
            except Misplaced as elsewhere:
                log.error("the consumer goes back to where the database says", reason=str(elsewhere))
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the consumer pauses", error=fault_of(error), seconds=self._delay)
            finally:
                self.connected = False
                await self._leave()
                self._lag.show(self._next)
            await asyncio.sleep(self._delay)
            self._delay = min(self._delay * 2, LAST_DELAY)

    async def _consume(self) -> None:
        source = self._log = self._make_log()
        await source.start(self._gained, self._lost)
        loop = asyncio.get_running_loop()
        observed = 0.0
        self._pulse.begin()
        while True:
            self._look_again(source)
            shares, batches = self._shares, await self._read_free(source)
            self.connected = True
            if self._pulse.has_paused():
                batches = self._doubt_all(source)
            self._lag.note_read(batches, self._next)
            if loop.time() - observed >= OBSERVE:
                observed = loop.time()
                await self._observe(source, batches.keys())
                self._delay = FIRST_DELAY
            if shares != self._shares:
                batches = self._doubt_all(source)
            await self._work(batches)

    async def _read_free(self, source: Log) -> Mapping[Place, Sequence[Incoming]]:
        """What there is to read of the partitions of which nothing is in work."""
        free = self._next.keys() - self._working.keys() - self._gone.keys()
        if free or not self._working:
            return await self._read(source, READ_WAIT, BATCH, free)
        await asyncio.wait(self._working.values(), timeout=READ_WAIT, return_when=asyncio.FIRST_COMPLETED)
        await self._stay_in_group(source)
        return {}

    async def _read(
        self, source: Log, wait: float, most: int, only: Collection[Place] = ()
    ) -> Mapping[Place, Sequence[Incoming]]:
        """What is there to read. A partition whose offset is gone waits for a person, while the others go on."""
        try:
            return await source.read(wait, most, only)
        except OffsetGone as gone:
            for place, at in gone.places:
                following = self._next.get(place, at)
                if at == following - 1:  # only the message before is gone, and with it what it could have told
                    source.seek(place, following)
                else:
                    self._give_up(place, at)
            return {}

    def _doubt_all(self, source: Log) -> Mapping[Place, Sequence[Incoming]]:
        """Take nothing of what was read: it is read again."""
        self._doubted = set(self._next)
        self._look_again(source)
        return {}

    def _look_again(self, source: Log) -> None:
        """Read on where the doubtful stand, from the message before on, to see that each is still the log it was."""
        for place in self._doubted - self._working.keys() - self._gone.keys():
            source.seek(place, max(0, self._next[place] - 1))
            self._doubted.discard(place)

    def _give_up(self, place: Place, at: int) -> None:
        log.error("an offset is gone; nothing is skipped", topic=place.topic, partition=place.partition, offset=at)
        self._gone[place] = at
        if self._log is not None:
            self._log.pause(place)

    async def _look_for_gone(self, source: Log) -> None:
        """Go on where somebody said, in the database, that a partition is to go on."""
        OFFSETS_GONE.set(len(self._gone))
        if not self._gone:
            return
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            positions = await offsets.positions(uow, set(self._gone))
        for place, at in positions.items():
            if at != self._gone.get(place, at):  # it may have gone to another meanwhile
                del self._gone[place]
                self._next[place] = self._handed[place] = at
                source.seek(place, at)
                source.resume(place)

    async def _work(self, batches: Mapping[Place, Sequence[Incoming]]) -> None:
        """Begin with these, and wait for them a while: what takes longer goes on while others are read."""
        begun = {}
        for place, messages in batches.items():
            if place in self._working:
                raise Misplaced(f"{place}, of which something is in work, was handed out")
            work = self._work_through(place, messages, self._handed[place])
            self._working[place] = begun[place] = asyncio.create_task(work)
            self._handed[place] = messages[-1].offset + 1
        self._watchdog.rest(begun)
        if begun:
            await asyncio.wait(begun.values(), timeout=SHORT_WORK)
        for place, task in list(self._working.items()):
            if task.done():
                del self._working[place]
                if not task.cancelled():
                    task.result()

    async def _stay_in_group(self, source: Log) -> None:
        """Slow work everywhere must not cost us our place: nothing more is read, but the group hears from us."""
        places = self._next.keys() - self._gone.keys()
        for place in places:
            source.pause(place)
        read = await self._read(source, 0, 1)
        self._doubted |= read.keys() & self._next.keys()  # it became ours just now: its turn comes
        for place in places - self._gone.keys():
            source.resume(place)

    async def _work_through(self, place: Place, messages: Sequence[Incoming], before: int) -> None:
        delay, carefully = 0.05, False
        while True:
            try:
                await self._take(place, messages, before, carefully)
                return
            except Misplaced:
                raise
            except Exception as error:
                if not carefully and not is_passing(error):
                    carefully = True
                    continue
                if not is_transient(error):
                    raise
                self._watchdog.rest({place})
                RETRIES.labels("batch").inc()
                log.warning("a batch is repeated", topic=place.topic, partition=place.partition, error=fault_of(error))
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    async def _take(self, place: Place, messages: Sequence[Incoming], before: int, carefully: bool) -> None:
        """Let these have their effect. `before` is the offset up to which all was handed out before them."""
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            expected, mark = await offsets.claim(uow, place)
            if expected is None or expected < max(before, self._next.get(place, expected)):
                raise Misplaced(f"{place} at {expected}")
            if _is_of_another_log(messages, expected, mark):
                self._give_up(place, expected)
                return
            fresh = [message for message in messages if message.offset >= expected]
            if not fresh:
                self._next[place] = expected
                self._has_moved(place)
                return
            moved = partial(self._watchdog.rest, {place})
            outcomes = await self._hearer.hear(uow, fresh, carefully=carefully, moved=moved)
            await offsets.advance(uow, place, expected, fresh[-1])
        self._next[place] = fresh[-1].offset + 1
        self._has_moved(place)
        for outcome, count in outcomes.items():
            HEARD.labels(place.topic, outcome).inc(count)

    async def _gained(self, places: set[Place]) -> Mapping[Place, int]:
        """The offsets to go on from. A partition never read before is read from its beginning."""
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            known = await offsets.positions(uow, places)
            unknown = places - known.keys()
            if unknown:
                known |= await offsets.begin(uow, await self._beginnings(unknown))
            marked = await offsets.marked(uow)
        self._shares += 1
        self._next = dict(known)
        self._gone, self._doubted = {}, set()
        self._lag = Lag()
        self._handed = dict(known)
        self._watchdog.begin(known)
        log.info("partitions gained", count=len(places))
        # The message before is read once more, to see that this is still the log it was.
        return {place: at - (place in marked) for place, at in known.items()}

    async def _lost(self, places: set[Place]) -> None:
        """Stop what is in work for partitions that go to another; what was not committed it will do."""
        self._shares += 1
        tasks = [self._working.pop(place) for place in places if place in self._working]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for place in places:
            self._next.pop(place, None)
            self._gone.pop(place, None)
        self._doubted -= places
        self._lag.forget(places)

    async def _observe(self, source: Log, read: Collection[Place]) -> None:
        """See how far behind we are, and tell. `read` are the places of which something was just handed out."""
        await _in_time(self._look_for_gone(source))
        ends = await source.ends()
        begins = await self._beginnings(set(self._gone)) if self._gone else {}
        self._lag.note_ends(ends, self._next)
        await _in_time(self._pass_what_is_no_message(source, read))
        behind = self._lag.behind(self._next)
        unknown = {place: self._next[place] for place in self._lag.undated(behind - self._gone.keys())}
        if unknown:  # nothing of it is at hand, as other partitions are read first
            self._lag.note_recorded(await source.recorded(unknown))
        for place in self._lag.places:
            if place in behind or place in self._gone:
                self._lag.note_waiting(place)
            else:
                self._has_moved(place)
        await _in_time(self._write_lags(begins))
        self._lag.show(self._next)
        await source.tell(dict(self._next))
        self._watchdog.check(behind & self._lag.places - self._gone.keys())

    async def _pass_what_is_no_message(self, source: Log, read: Collection[Place]) -> None:
        """The end of a producer's transaction takes an offset and is never handed out: it is nothing to wait for."""
        for place in self._lag.places - self._working.keys() - self._gone.keys() - set(read):
            expected = self._next.get(place)
            at = await source.position(place)
            # What was handed out and given up again, as its partition was to go to another, is to be read once more.
            if expected is None or self._next.get(place) != expected or self._handed.get(place, 0) > expected:
                continue
            if at > expected:
                async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
                    await offsets.skip(uow, place, expected, at)
                if self._next.get(place) == expected:
                    self._next[place] = at

    async def _write_lags(self, begins: Mapping[Place, int]) -> None:
        if not self._lag.places:
            return
        async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
            await self._lag.write(uow, self._next, begins)

    def _has_moved(self, place: Place) -> None:
        self._watchdog.has_moved(place)
        self._lag.note_heard(place)

    async def _leave(self) -> None:
        self._pulse.end()
        source, self._log = self._log, None
        try:
            for task in self._working.values():
                task.cancel()
            await asyncio.gather(*self._working.values(), return_exceptions=True)
        finally:  # also when we are stopped while we wait
            self._working.clear()
            if source is not None:
                await source.stop()


def _is_of_another_log(messages: Sequence[Incoming], expected: int, mark: bytes | None) -> bool:
    """Whether the message before the next one is another than the one that was heard there."""
    before = messages[0]
    return mark is not None and before.offset == expected - 1 and before.mark != mark


async def _in_time(telling: Awaitable[None]) -> None:
    """A database that is away or slow must not stop what is in work: it is told the next time."""
    try:
        async with asyncio.timeout(TELLING):
            await telling
    except Exception as error:
        if not is_transient(error):
            raise
        log.warning("how far it is cannot be told", error=fault_of(error))
