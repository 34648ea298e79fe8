"""What this service has heard: the last `seq` per speaker and stream, and the events that could not take effect yet.

An event takes effect when it is the next of its stream from its speaker. An earlier one is a duplicate and dropped; a
later one waits here, as do events whose reaction failed or lacks something, and everything behind them. Other streams
go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_to_bytes
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from backbone.carriage import dead_letters, held
from backbone.database import UnitOfWork
from backbone.messages import Incoming
from backbone.rows import new_id
from reliefpath.envelope import Attributes, dump_headers, load_headers

LARGEST: Final = 1_048_576
"""Bytes of a message that are kept here. What is larger was said by none of ours, and is all on its topic."""


class Status(StrEnum):
    """Why an event is held, or how its being held ended."""

    MISSING = "missing"
    WAITING = "waiting"
    RETRYING = "retrying"
    BEHIND = "behind"
    PARKED = "parked"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


class DeadLetterStatus(StrEnum):
    """What has become of a message that belongs to no stream."""

    NEW = "new"
    FAILED_AGAIN = "failed_again"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Stream:
    """One speaker's events of one stream: what is kept in order."""

    speaker: str
    id: UUID


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that waits, as its row says."""

    id: UUID
    stream: Stream
    seq: int
    status: Status
    reason: str
    attempts: int
    due: bool
    message: Incoming


async def last_heard(uow: UnitOfWork, streams: Collection[Stream]) -> dict[Stream, int]:
    """The last `seq` that took effect in each stream; 0 for a new one."""
    if not streams:
        return {}
    found = await uow.session.execute(
        text(
            "SELECT h.speaker, h.stream, h.seq FROM backbone.heard h"
            " JOIN unnest(CAST(:speakers AS text[]), CAST(:streams AS uuid[])) AS w(speaker, stream)"
            " ON h.speaker = w.speaker AND h.stream = w.stream"
        ),
        {"speakers": [one.speaker for one in streams], "streams": [one.id for one in streams]},
    )
    last = dict.fromkeys(streams, 0)
    last.update({Stream(speaker, UUID(str(stream))): seq for speaker, stream, seq in found.all()})
    return last


async def note_heard(uow: UnitOfWork, seqs: dict[Stream, int]) -> None:
    """Write down the last `seq` of each stream."""
    if not seqs:
        return
    await uow.session.execute(
        text(
            "INSERT INTO backbone.heard AS h (speaker, stream, seq)"
            " SELECT * FROM unnest(CAST(:speakers AS text[]), CAST(:streams AS uuid[]), CAST(:seqs AS bigint[]))"
            " ON CONFLICT (speaker, stream) DO UPDATE SET seq = excluded.seq WHERE h.seq < excluded.seq"
        ),
        {
            "speakers": [one.speaker for one in seqs],
            "streams": [one.id for one in seqs],
            "seqs": list(seqs.values()),
        },
    )


async def streams_with_held(uow: UnitOfWork, ids: Collection[UUID]) -> set[Stream]:
    """Of the streams with these ids, those in which something is held."""
    if not ids:
        return set()
    found = await uow.session.execute(
        text(
            "SELECT DISTINCT speaker, stream FROM backbone.held"
            " WHERE stream = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL"
        ),
        {"ids": list(ids)},
    )
    return {Stream(speaker, UUID(str(stream))) for speaker, stream in found.all()}


async def hold(
    uow: UnitOfWork,
    attributes: Attributes,
    message: Incoming,
    status: Status,
    reason: str,
    *,
    attempts: int = 0,
    delay: float | None = None,
) -> bool:
    """Keep an event until it can take effect; False when it is already kept."""
    done = await uow.session.execute(
        upsert(held)
        .values(
            id=new_id(),
            speaker=attributes.speaker,
            stream=attributes.stream,
            seq=attributes.seq,
            type=attributes.type,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            headers=dump_headers(message.headers),
            data=_kept(message.value) or b"",
            recorded_at=message.recorded_at,
            status=status,
            reason=reason[:500],
            attempts=attempts,
            next_try_at=None if delay is None else text(f"clock_timestamp() + interval '{float(delay)} seconds'"),
        )
        .on_conflict_do_nothing()
        .returning(held.c.id)
    )
    return done.first() is not None


async def first_held(uow: UnitOfWork, stream: Stream) -> HeldEvent | None:
    """The event of a stream that has to take effect before all others that are held there."""
    found = await uow.session.execute(
        select(held, (held.c.next_try_at <= func.clock_timestamp()).label("due"))
        .where(held.c.speaker == stream.speaker, held.c.stream == stream.id, held.c.ended_at.is_(None))
        .order_by(held.c.seq)
        .limit(1)
    )
    row = found.first()
    return _held_event(row) if row is not None else None


async def due_streams(uow: UnitOfWork, most: int) -> list[Stream]:
    """Streams in which a held event is to be tried again now."""
    found = await uow.session.execute(
        text(
            "SELECT speaker, stream FROM backbone.held WHERE ended_at IS NULL AND next_try_at <= clock_timestamp()"
            " ORDER BY next_try_at LIMIT :most"
        ),
        {"most": most},
    )
    return list(dict.fromkeys(Stream(speaker, UUID(str(stream))) for speaker, stream in found.all()))


async def put_off(uow: UnitOfWork, stream: Stream, delay: float) -> None:
    """What is due in a stream is due later. It was no try, and what somebody is about to change stays as it is."""
    await uow.session.execute(
        text(
            "UPDATE backbone.held SET next_try_at = clock_timestamp() + make_interval(secs => :delay) WHERE id IN"
            " (SELECT id FROM backbone.held WHERE speaker = :speaker AND stream = :stream AND ended_at IS NULL"
            " AND next_try_at <= clock_timestamp() FOR UPDATE SKIP LOCKED)"
        ),
        {"delay": delay, "speaker": stream.speaker, "stream": stream.id},
    )


async def counts(uow: UnitOfWork) -> dict[Status, int]:
    """How many events are held, by status."""
    found = await uow.session.execute(
        select(held.c.status, func.count()).where(held.c.ended_at.is_(None)).group_by(held.c.status)
    )
    there = {status: int(count) for status, count in found.all()}
    return {status: there.get(status, 0) for status in Status if status not in {Status.RESOLVED, Status.DISCARDED}}


async def parked_journeys(uow: UnitOfWork) -> int:
    """How many journeys (or facilities of the directory) a parked event holds up."""
    found = await uow.session.execute(
        select(func.count(held.c.stream.distinct())).where(held.c.ended_at.is_(None), held.c.status == Status.PARKED)
    )
    return int(found.scalar_one())


async def change(
    uow: UnitOfWork, id: UUID, status: Status, reason: str, *, attempts: int | None = None, delay: float | None = None
) -> None:
    """Say anew why an event is held, and when it is tried again; without a delay it is not."""
    await uow.session.execute(
        update(held)
        .where(held.c.id == id)
        .values(
            status=status,
            reason=reason[:500],
            next_try_at=None if delay is None else text(f"clock_timestamp() + interval '{float(delay)} seconds'"),
            **({} if attempts is None else {"attempts": attempts}),
        )
    )


async def line_up(uow: UnitOfWork, stream: Stream, first: int, reason: str) -> None:
    """Say of every event held behind the `first` of a stream that it waits for that one; by itself none is tried."""
    await uow.session.execute(
        update(held)
        .where(
            held.c.speaker == stream.speaker,
            held.c.stream == stream.id,
            held.c.seq > first,
            held.c.ended_at.is_(None),
            or_(held.c.status != Status.BEHIND, held.c.reason != reason, held.c.next_try_at.is_not(None)),
        )
        .values(status=Status.BEHIND, reason=reason, next_try_at=None)
    )


async def end(uow: UnitOfWork, id: UUID, status: Status, by: str, because: str) -> None:
    """The event is held no longer: it took effect, or somebody discarded it."""
    await uow.session.execute(
        update(held)
        .where(held.c.id == id)
        .values(
            status=status,
            ended_at=text("clock_timestamp()"),
            ended_by=by,
            ended_because=because[:500],
            next_try_at=None,
        )
    )


async def set_aside(uow: UnitOfWork, messages: Iterable[tuple[Incoming, str, str]]) -> None:
    """Keep messages that belong to no stream, each with its hash and the reason."""
    rows = [
        {
            "id": new_id(),
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "hash": digest,
            "reason": reason[:500],
            "key": _kept(message.key),
            "headers": quoted(message.headers),
            "data": _kept(message.value),
            "recorded_at": message.recorded_at,
        }
        for message, digest, reason in messages
    ]
    if rows:
        await uow.session.execute(upsert(dead_letters).on_conflict_do_nothing(), rows)


def _kept(value: bytes | None) -> bytes | None:
    return value if value is None else value[:LARGEST]


def quoted(headers: Iterable[tuple[str, bytes]]) -> list[list[str]]:
    """Headers of which nothing is known, in letters that every database takes."""
    return [[quote(name), quote(value)] for name, value in headers]


def unquoted(pairs: Iterable[Iterable[str]]) -> list[tuple[str, bytes]]:
    """The reverse of quoted."""
    return [(unquote(name), unquote_to_bytes(value)) for name, value in pairs]


def _held_event(row: Any) -> HeldEvent:
    return HeldEvent(
        row.id,
        Stream(row.speaker, row.stream),
        row.seq,
        Status(row.status),
        row.reason,
        row.attempts,
        bool(row.due),
        Incoming(
            row.topic,
            row.partition,
            row.offset,
            str(row.stream).encode(),
            bytes(row.data),
            load_headers(row.headers),
            round(row.recorded_at.timestamp() * 1000),
        ),
    )
