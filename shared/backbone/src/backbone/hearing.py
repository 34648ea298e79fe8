"""What becomes of a message: its effect, exactly once, in the order of its stream; or a place where it waits.

Everything here happens inside one transaction that the consumer opened, together with the Kafka offset.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from backbone import inbox
from backbone.database import LOCK_TIMEOUT, UnitOfWork, is_passing, sqlstate
from backbone.inbox import HeldEvent, Status, Stream
from backbone.messages import Incoming
from backbone.telemetry import REACTION_SECONDS, UNKNOWN, child_of
from backbone.tries import delay_before, describe
from reliefpath.envelope import (
    Actor,
    Attributes,
    Heard,
    InvalidEvent,
    Origin,
    Unattributable,
    UnknownType,
    UnknownVersion,
    decode_data,
    read_attributes,
)
from reliefpath.events import Event
from reliefpath.vocabulary import Role

log = structlog.get_logger()

Reaction = Callable[[UnitOfWork, Heard], Awaitable[None]]

ANYWAY_AFTER: Final = 30.0
"""Seconds after which a waiting reaction is tried even though nothing new was heard of its journey."""


LOCK_PATIENCE: Final = 2.0
"""Seconds that all events of a batch wait for a journey that is locked, before each journey is tried by itself."""

ONE_LOCK_PATIENCE: Final = 0.1
"""Seconds that are then waited for one, and before what is held of one is tried again."""


class Awaits(Exception):
    """A reaction lacks something that another speaker will say. It is tried again whenever that journey is heard of."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


@dataclass
class _Batch:
    """What is known of the streams of the messages at hand."""

    last: dict[Stream, int]
    blocked: set[Stream]
    moved: dict[Stream, int] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    def advance(self, stream: Stream, seq: int) -> None:
        self.last[stream] = seq
        self.moved[stream] = seq


class Hearer:
    """One service's ear: its reactions, and what it does with messages that cannot take effect."""

    def __init__(self, service: str, reactions: Mapping[type[Event], Reaction], tries: int) -> None:
        self._actor = Actor(Role.SYSTEM, service)
        self._reactions = reactions
        self._tries = tries

    async def hear(
        self,
        uow: UnitOfWork,
        messages: Sequence[Incoming],
        *,
        carefully: bool,
        moved: Callable[[], None] = lambda: None,
    ) -> Counter[str]:
        """Give each message its effect or its place to wait; how many went which way.

        Not carefully, a failing reaction raises and nothing of the batch is kept: the caller repeats it carefully, and
        then the failing one alone is held back. `moved` is called behind each message.
        """
        attributed, unattributable = _attribute(messages)
        await inbox.set_aside(uow, unattributable)
        ids = {attributes.stream for attributes, _ in attributed}
        locked_out = await _lock(uow, ids, carefully)
        streams = {_stream_of(attributes) for attributes, _ in attributed}
        batch = _Batch(await inbox.last_heard(uow, streams), await inbox.streams_with_held(uow, ids))
        batch.outcomes["dead_letter"] += len(unattributable)
        for attributes, message in attributed:
            if attributes.stream in locked_out:
                await _put_off(uow, batch, attributes, message)
            else:
                await self._hear_one(uow, batch, attributes, message, carefully)
            moved()
        for stream in [one for one in batch.blocked if one.id in ids - locked_out]:
            await self._go_on(uow, batch, stream)
        await inbox.note_heard(uow, batch.moved)
        return batch.outcomes

    async def try_held(self, uow: UnitOfWork, stream: Stream, *, by: str | None = None) -> None:
        """Try again what is held in a stream, from the first on. `by` names the person who asked for it, if one did.

        Behind it nothing that waits in the stream is due, unless it is the first.
        """
        await uow.lock(stream.id, patience=ONE_LOCK_PATIENCE if by is None else None)
        first = await inbox.first_held(uow, stream)
        if first is None:
            return  # another worker was faster
        batch = _Batch(await inbox.last_heard(uow, {stream}), {stream})
        if by is None and not first.due and first.seq > batch.last[stream]:
            await inbox.line_up(uow, stream, first.seq, _behind(first.seq))
            return  # another worker was faster, or what was due had been put off and stands behind the first
        await self._go_on(uow, batch, stream, by=by, due=by is not None or first.due)
        await inbox.note_heard(uow, batch.moved)

    async def discard(self, uow: UnitOfWork, first: HeldEvent, by: str, because: str) -> None:
        """Let a held event have no effect, for a reason, and go on behind it. It must be the next of its stream."""
        stream = first.stream
        batch = _Batch(await inbox.last_heard(uow, {stream}), {stream})
        await inbox.end(uow, first.id, Status.DISCARDED, by, because)
        batch.advance(stream, first.seq)
        await self._go_on(uow, batch, stream, due=True)
        await inbox.note_heard(uow, batch.moved)

    async def _hear_one(
        self, uow: UnitOfWork, batch: _Batch, attributes: Attributes, message: Incoming, carefully: bool
    ) -> None:
        stream, last = _stream_of(attributes), batch.last[_stream_of(attributes)]
        first = await inbox.first_held(uow, stream) if stream in batch.blocked else None
        if attributes.seq <= last or (first is not None and attributes.seq == first.seq):
            batch.outcomes["duplicate"] += 1
        elif first is not None and attributes.seq > first.seq:
            fresh = await inbox.hold(uow, attributes, message, Status.BEHIND, _behind(first.seq))
            batch.outcomes[Status.BEHIND if fresh else "duplicate"] += 1
        elif has_gap(last, attributes.seq):
            await inbox.hold(uow, attributes, message, Status.MISSING, _missing(last))
            await inbox.line_up(uow, stream, attributes.seq, _behind(attributes.seq))
            batch.blocked.add(stream)
            batch.outcomes[Status.MISSING] += 1
        else:
            failure = await self._take_effect(uow, attributes, message, carefully)
            if failure is None:
                batch.advance(stream, attributes.seq)
                batch.outcomes["effect"] += 1
            else:
                await failure.hold(uow, attributes, message, attempt=1, tries=self._tries)
                await inbox.line_up(uow, stream, attributes.seq, _behind(attributes.seq))
                batch.blocked.add(stream)
                batch.outcomes[failure.status] += 1

    async def _go_on(
        self, uow: UnitOfWork, batch: _Batch, stream: Stream, *, by: str | None = None, due: bool = False
    ) -> None:
        """Give what is held in a stream its effect, as far as it goes, and say of the rest what it waits for.

        Unless it is `due`, the first is tried only when it waits for somebody else's word or was the next all along.
        """
        first, moved = True, due
        while (held := await inbox.first_held(uow, stream)) is not None:
            if stream not in batch.last:
                batch.last.update(await inbox.last_heard(uow, {stream}))
            if held.seq <= batch.last[stream]:  # it came again while its journey was locked
                await inbox.end(uow, held.id, Status.RESOLVED, str(self._actor), "it had been heard before")
                due, moved = by is not None, True  # whether the one behind it is due is another question
                continue
            if has_gap(batch.last[stream], held.seq):
                if (held.status, held.reason) != (Status.MISSING, reason := _missing(batch.last[stream])):
                    await inbox.change(uow, held.id, Status.MISSING, reason)
                    moved = True
                break
            if first and not due and held.status in {Status.RETRYING, Status.PARKED}:
                break
            attributes = read_attributes(held.message.topic, held.message.key, held.message.headers)
            failure = await self._take_effect(uow, attributes, held.message, carefully=True)
            if failure is not None:
                await failure.still_hold(uow, held, tries=self._tries, asked=by is not None and first)
                break
            await inbox.end(uow, held.id, Status.RESOLVED, by or str(self._actor), "it took effect")
            batch.advance(stream, held.seq)
            batch.outcomes["effect"] += 1
            first, moved = False, True
        if held is None:
            batch.blocked.discard(stream)
        elif moved:
            await inbox.line_up(uow, stream, held.seq, _behind(held.seq))

    async def _take_effect(
        self, uow: UnitOfWork, attributes: Attributes, message: Incoming, carefully: bool
    ) -> Failure | None:
        event = _event_of(attributes, message)
        if isinstance(event, Failure):
            return event
        reaction = self._reactions.get(type(event)) if event is not None else None
        if event is None or reaction is None:
            return None
        before = uow.actor, uow.cause, uow.trace
        uow.actor, uow.cause, uow.trace = self._actor, f"event:{attributes.id}", child_of(attributes.trace)
        heard = Heard(attributes, event, Origin(message.topic, message.partition, message.offset, message.recorded_at))
        started = time.perf_counter()
        try:
            if carefully:
                async with uow.attempt():
                    await reaction(uow, heard)
            else:
                await reaction(uow, heard)
            return None
        except Awaits as lacking:
            if not carefully:
                raise
            return Failure(Status.WAITING, lacking.what)
        except Exception as error:
            if not carefully or is_passing(error):
                raise
            log.warning("a reaction failed", resource_id=str(attributes.id), event_type=attributes.type, exc_info=error)
            return Failure(Status.RETRYING, describe(error))
        finally:
            REACTION_SECONDS.labels(attributes.type).observe(time.perf_counter() - started)
            uow.actor, uow.cause, uow.trace = before


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event did not take effect."""

    status: Status
    reason: str

    async def hold(
        self, uow: UnitOfWork, attributes: Attributes, message: Incoming, *, attempt: int, tries: int
    ) -> None:
        """Keep an event that failed for the first time; park it at once when nothing would try it again."""
        delay = self._delay(attempt, tries)
        status = Status.PARKED if self.status is Status.RETRYING and delay is None else self.status
        await inbox.hold(uow, attributes, message, status, self.reason, attempts=attempt, delay=delay)

    async def still_hold(self, uow: UnitOfWork, held: HeldEvent, *, tries: int, asked: bool) -> None:
        """Keep an event that failed again; park it when it failed too often or somebody's own try failed."""
        attempts = held.attempts + 1
        status = self.status
        if status is Status.RETRYING and (attempts >= tries or asked):
            status = Status.PARKED
        delay = None if status is Status.PARKED else self._delay(attempts, tries)
        await inbox.change(uow, held.id, status, self.reason, attempts=attempts, delay=delay)

    def _delay(self, attempt: int, tries: int) -> float | None:
        if self.status is Status.WAITING:
            return ANYWAY_AFTER
        if self.status is Status.RETRYING and attempt < tries:
            return delay_before(attempt + 1)
        return None


async def _lock(uow: UnitOfWork, streams: Collection[UUID], carefully: bool) -> set[UUID]:
    """Lock these streams; those that somebody keeps locked, when each is tried by itself.

    Not carefully, one that is kept locked raises.
    """
    if not carefully:
        await uow.lock(*streams, patience=LOCK_PATIENCE)
        return set()
    locked_out = set()
    for stream in sorted(streams):
        try:
            async with uow.attempt():
                await uow.lock(stream, patience=ONE_LOCK_PATIENCE)
        except DBAPIError as error:
            if sqlstate(error) != LOCK_TIMEOUT:
                raise
            locked_out.add(stream)
    return locked_out


async def _put_off(uow: UnitOfWork, batch: _Batch, attributes: Attributes, message: Incoming) -> None:
    """Keep an event of a journey that somebody keeps locked; all others go on. Whether it is new is seen later."""
    reason = "its journey was locked by somebody else for too long"
    await inbox.hold(uow, attributes, message, Status.RETRYING, reason, delay=delay_before(2))
    batch.outcomes[Status.RETRYING] += 1


def _event_of(attributes: Attributes, message: Incoming) -> Event | Failure | None:
    """The event, why it cannot be read, or None when this program knows nothing of its kind."""
    size = len(message.value or b"")
    if size > inbox.LARGEST:
        return Failure(Status.PARKED, f"it is larger than any event: {size} bytes")
    try:
        return decode_data(attributes, message.value)
    except UnknownType:
        UNKNOWN.labels(message.topic).inc()
        log.info("unknown type skipped", event_type=attributes.type)
        return None
    except UnknownVersion:
        return Failure(Status.PARKED, f"the version of {attributes.type} cannot be read by this program")
    except InvalidEvent as invalid:
        return Failure(Status.PARKED, f"it does not keep its contract: {invalid}")


def has_gap(last: int, seq: int) -> bool:
    """Whether an event between the last that was heard and this one has not come."""
    return seq > last + 1


def _missing(last: int) -> str:
    return f"seq {last + 1} has not been heard"


def _behind(first: int) -> str:
    return f"it waits behind seq {first}"


def _stream_of(attributes: Attributes) -> Stream:
    return Stream(attributes.speaker, attributes.stream)


def _attribute(
    messages: Sequence[Incoming],
) -> tuple[list[tuple[Attributes, Incoming]], list[tuple[Incoming, str, str]]]:
    attributed, unattributable = [], []
    for message in messages:
        try:
            if message.unreadable:
                raise Unattributable(message.unreadable)
            attributed.append((read_attributes(message.topic, message.key, message.headers), message))
        except Unattributable as reason:
            digest = hashlib.sha256(message.value or b"").hexdigest()
            unattributable.append((message, digest, str(reason)))
    return attributed, unattributable
