"""The tables of the outbox and of the inbox in memory: transactions, snapshots and crashes as PostgreSQL has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Coroutine, Generator, Iterable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from backbone import relay
from backbone.inbox import LARGEST, HeldEvent, Status, Stream
from backbone.messages import Incoming
from backbone.rows import new_id
from reliefpath.envelope import Attributes


@dataclass(frozen=True)
class Snapshot:
    """What was committed: everything below `end` that was not open."""

    end: int
    open: frozenset[int]

    def shows(self, xid: int) -> bool:
        """As pg_visible_in_snapshot says it."""
        return xid < self.end and xid not in self.open


async def in_turns(_: Any, sending: Coroutine[Any, Any, None], reading: Coroutine[Any, Any, Any] | None) -> Any:
    """Both at once, as `relay._while_sending` has it: a step of each in turn, and a boundary behind every step."""
    under_way, read = [one for one in (reading, sending) if one is not None], None
    try:
        while under_way:
            one = under_way.pop(0)
            try:
                one.send(None)
            except StopIteration as ended:
                read = ended.value if one is reading else read
            else:
                under_way.append(one)
                await Boundary()
        return read
    finally:
        for one in under_way:
            one.close()


class Boundary:
    """A point at which a process may stand still or die."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@dataclass
class Cursor:
    """A row of backbone.cursors."""

    seen: Snapshot
    target: Snapshot | None = None
    sent: int = 0
    fence: int = 1


class Outbox:
    """The outbox and one bucket's cursor. It is also the connection that a relay asks."""

    def __init__(self) -> None:
        self.xid = 1
        self.open: set[int] = set()
        self.aborted: set[int] = set()
        self.rows: list[dict[str, Any]] = []
        self.cursor = Cursor(self.snapshot())

    def begin(self) -> int:
        """A transaction takes its id, long before it commits."""
        self.xid += 1
        self.open.add(self.xid)
        return self.xid

    def end(self, xid: int, *, commit: bool) -> None:
        """A transaction commits or is rolled back."""
        self.open.discard(xid)
        if not commit:
            self.aborted.add(xid)

    def snapshot(self) -> Snapshot:
        """What is committed now."""
        return Snapshot(self.xid + 1, frozenset(self.open))

    def unseen(self, cursor: Cursor, target: Snapshot, sent: int) -> list[dict[str, Any]]:
        """The rows of the difference of two snapshots after the place that is sent."""
        return [
            row
            for row in self.rows
            if row["id"] > sent
            and row["xid"] not in self.aborted
            and target.shows(row["xid"])
            and not cursor.seen.shows(row["xid"])
        ]

    async def fetch(
        self, query: str, buckets: list[int], most: int, targets: list[Any], sents: list[int | None]
    ) -> list[dict[str, Any]]:
        """What relay._NEXT finds, in a cursor's order or from the place that is named."""
        assert query == relay._NEXT
        target = targets[0] or self.cursor.target or self.snapshot()
        sent = self.cursor.sent if sents[0] is None else sents[0]
        found = self.unseen(self.cursor, target, sent)[:most]
        begun = targets[0] is not None or self.cursor.target is not None
        nothing: dict[str, Any] = {"id": None}
        rows = [{**row, "bucket": buckets[0], "target": target, "begun": begun} for row in found or [nothing]]
        await Boundary()
        return rows

    async def execute(self, query: str, buckets: list[int], targets: Any, sents: list[int], fences: list[int]) -> str:
        """What relay._MOVE does."""
        assert query == relay._MOVE
        await Boundary()
        if self.cursor.fence != fences[0]:
            return "UPDATE 0"
        seen = self.cursor.seen if sents[0] else targets[0]
        self.cursor = Cursor(seen, targets[0] if sents[0] else None, sents[0], fences[0])
        return "UPDATE 1"


@dataclass
class Tables:
    """What one hearer has committed."""

    offset: int = 0
    heard: dict[Stream, int] = field(default_factory=dict)
    held: dict[tuple[Stream, int], HeldEvent] = field(default_factory=dict)
    effects: list[tuple[UUID, int]] = field(default_factory=list)

    def copied(self) -> Tables:
        """The same, to be changed by a transaction."""
        return Tables(self.offset, copy(self.heard), copy(self.held), copy(self.effects))


class Unit:
    """A transaction of a hearer: its changes are seen by nobody before it commits."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables.copied()
        self.actor = self.cause = self.trace = None

    async def lock(self, *_: UUID, patience: float | None = None) -> None:
        """Streams are locked; the hearer may die right behind it."""
        await Boundary()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A savepoint."""
        before = self.tables.copied()
        try:
            yield
        except Exception:
            self.tables.__dict__.update(before.__dict__)
            raise


class Inbox:
    """`backbone.inbox` on these tables."""

    LARGEST = LARGEST

    async def set_aside(self, uow: Unit, messages: Iterable[Any]) -> None:
        """Nothing here is without a stream."""
        assert not list(messages)

    async def last_heard(self, uow: Unit, streams: Collection[Stream]) -> dict[Stream, int]:
        """As in backbone.inbox."""
        return {stream: uow.tables.heard.get(stream, 0) for stream in streams}

    async def streams_with_held(self, uow: Unit, ids: Collection[UUID]) -> set[Stream]:
        """As in backbone.inbox."""
        return {stream for stream, _ in uow.tables.held if stream.id in ids}

    async def hold(
        self, uow: Unit, attributes: Attributes, message: Incoming, status: Status, reason: str, *,
        attempts: int = 0, delay: float | None = None,
    ) -> bool:  # fmt: skip
        """As in backbone.inbox."""
        stream = Stream(attributes.speaker, attributes.stream)
        if (stream, attributes.seq) in uow.tables.held:
            return False
        one = HeldEvent(new_id(), stream, attributes.seq, status, reason, attempts, delay is not None, message)
        uow.tables.held[stream, attributes.seq] = one
        return True

    async def first_held(self, uow: Unit, stream: Stream) -> HeldEvent | None:
        """As in backbone.inbox."""
        return min((h for (s, _), h in uow.tables.held.items() if s == stream), key=lambda h: h.seq, default=None)

    async def change(
        self, uow: Unit, id: UUID, status: Status, reason: str, *, attempts: int | None = None,
        delay: float | None = None,
    ) -> None:  # fmt: skip
        """As in backbone.inbox."""
        for key, one in uow.tables.held.items():
            if one.id == id:
                tried = one.attempts if attempts is None else attempts
                due = delay is not None
                uow.tables.held[key] = replace(one, status=status, reason=reason, attempts=tried, due=due)

    async def line_up(self, uow: Unit, stream: Stream, first: int, reason: str) -> None:
        """As in backbone.inbox."""
        for (other, seq), one in list(uow.tables.held.items()):
            if other == stream and seq > first:
                uow.tables.held[other, seq] = replace(one, status=Status.BEHIND, reason=reason, due=False)

    async def end(self, uow: Unit, id: UUID, *_: Any) -> None:
        """As in backbone.inbox."""
        uow.tables.held = {key: one for key, one in uow.tables.held.items() if one.id != id}

    async def note_heard(self, uow: Unit, seqs: dict[Stream, int]) -> None:
        """As in backbone.inbox."""
        for stream, seq in seqs.items():
            uow.tables.heard[stream] = max(seq, uow.tables.heard.get(stream, 0))


def order(effects: Sequence[tuple[UUID, int]], stream: UUID) -> list[int]:
    """The effects of one stream, in the order in which they came about."""
    return [seq for one, seq in effects if one == stream]
