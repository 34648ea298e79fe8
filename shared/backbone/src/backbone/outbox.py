"""The outbox: events become rows in the transaction of the change they tell of, each with its place in its stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import text

from backbone import carriage
from backbone.rows import new_id
from reliefpath.envelope import Actor, Attributes, dump_headers, encode_data, encode_headers
from reliefpath.events import Event, topic_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from backbone.database import UnitOfWork

PLANNING: Final = {"enable_sort": "off"}
"""For who reads the outbox: wherever an index can be walked it is. The planner cannot know how little is wanted, and
would rather sort all there is."""

MAX_EVENT_BYTES: Final = 262_144
"""More than any event has reason to be, and well below what a topic takes: refused in the transaction of its change."""


_OPEN_THEN: Final = "= ANY (ARRAY(SELECT pg_snapshot_xip(c.seen)))"
_BEGUN_SINCE: Final = ">= pg_snapshot_xmax(c.seen)"
UNSEEN: Final = f"(o.xid {_BEGUN_SINCE} OR o.xid {_OPEN_THEN})"
"""That a row `o` of the outbox is not seen yet by a cursor `c`, for rows that are found by their ids."""


def _by_transaction(columns: str, which: str, also: str = "true") -> str:
    """SQL for rows that a cursor `c` without a begun target has not seen, of transactions open then or begun since.

    These are two selects, each of which finds its rows by the index of transactions: its order is asked for so that no
    other index will do. One with an OR reads all that was ever sent again, ten times a second.
    """
    return f"""(
        SELECT {columns} FROM backbone.outbox o
        WHERE c.sent = 0 AND o.bucket = c.bucket AND o.xid {which} AND {also}
        ORDER BY o.xid
    )"""  # noqa: S608 - nothing but the words above and what the callers here name


def following(columns: str, most: str) -> str:
    """SQL for the rows that follow in a cursor `c`, by their ids: `seen`, `target` and `sent` say how far it is.

    While nothing of the target is sent the unseen rows are found by their transaction, and "id + 0" keeps the planner
    from walking an index of ids from its beginning, past everything ever sent. Of a target that is begun it is walked
    from the place that is sent, so that a backlog is not sorted for every read.
    """
    in_target = "pg_visible_in_snapshot(o.xid, c.target)"
    return f"""(
        (SELECT * FROM (
            {_by_transaction(columns, _OPEN_THEN, in_target)}
            UNION ALL
            {_by_transaction(columns, _BEGUN_SINCE, in_target)}
        ) o ORDER BY o.id + 0 LIMIT {most})
        UNION ALL
        (SELECT {columns} FROM backbone.outbox o
        WHERE c.sent > 0 AND o.bucket = c.bucket AND o.id > c.sent AND {UNSEEN} AND {in_target}
        ORDER BY o.id LIMIT {most})
    )"""  # noqa: S608 - nothing but the words above and what the two callers name


def waiting(most: int) -> str:
    """SQL for when rows that a cursor `c` has not sent were recorded, and their topics: the oldest, so many at most.

    Of a target that is begun the index of ids is walked from the place that is sent, otherwise that of transactions
    from the snapshot on: whatever was sent before is never looked at.
    """
    shown = "o.recorded_at, o.topic"
    return f"""(
        ({_by_transaction(shown, _OPEN_THEN)} LIMIT {most})
        UNION ALL
        ({_by_transaction(shown, _BEGUN_SINCE)} LIMIT {most})
        UNION ALL
        (SELECT {shown} FROM backbone.outbox o
        WHERE c.sent > 0 AND o.bucket = c.bucket AND o.id > c.sent AND {UNSEEN} ORDER BY o.id LIMIT {most})
    )"""  # noqa: S608 - nothing but the words above and a number


_OVERDUE: Final = text(
    f"""
    SELECT EXISTS (
        SELECT 1 FROM backbone.cursors c CROSS JOIN LATERAL {waiting(100)} w
        WHERE w.recorded_at < clock_timestamp() - make_interval(secs => :seconds)
    )
    """  # noqa: S608 - as above
)

OF_ANOTHER_CLUSTER: Final = """
SELECT EXISTS (SELECT 1 FROM backbone.cursors WHERE pg_snapshot_xmax(seen) > pg_snapshot_xmax(pg_current_snapshot()))
"""
"""Whether a cursor has seen later transactions than this server has had: it was restored from another. As transaction
ids do not travel, nothing that is said now would be seen as new."""

WAY_BACK: Final = (
    "the outbox was restored from another database server: run `python -m backbone.reemit` for this service"
)


_WRITE: Final = text(
    """
    WITH placed AS (
        UPDATE backbone.streams s SET seq = w.seq, topic = w.topic
        FROM unnest(CAST(:said AS uuid[]), CAST(:last AS bigint[]), CAST(:on AS text[])) AS w(stream, seq, topic)
        WHERE s.stream = w.stream
    )
    INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)
    SELECT * FROM unnest(
        CAST(:buckets AS smallint[]), CAST(:events AS uuid[]), CAST(:topics AS text[]), CAST(:streams AS uuid[]),
        CAST(:seqs AS bigint[]), CAST(:headers AS text[]), CAST(:data AS bytea[])
    )
    """
)


class TooLarge(Exception):
    """An event that could never be sent. The change it belongs to is refused with it."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event that is to be said when the transaction commits."""

    stream: UUID
    event: Event
    data: bytes
    rules: tuple[str, ...]
    actor: Actor
    cause: str
    trace: str | None


def encoded(event: Event) -> bytes:
    """The event's data as they will travel. Raises TooLarge."""
    data = encode_data(event)
    if len(data) > MAX_EVENT_BYTES:
        raise TooLarge(f"{event.type} would take {len(data)} of {MAX_EVENT_BYTES} bytes")
    return data


def bucket_of(stream: UUID) -> int:
    """The bucket a stream is dealt into; all its events go through it, so their order is kept."""
    return stream.int % 65_521 % carriage.BUCKETS


async def is_overdue(connection: AsyncConnection, seconds: float) -> bool:
    """Whether an event has waited to be sent for longer than so many seconds: Kafka is away, or no relay works."""
    return bool((await connection.execute(_OVERDUE, {"seconds": seconds})).scalar_one())


async def write(uow: UnitOfWork) -> None:
    """Turn what the unit of work said into outbox rows.

    The streams' rows are locked before a `seq` is taken, so the order of `seq` is the order of commits, and of two
    events of one stream the later has the greater id.
    """
    fresh = uow.said[uow.written :]
    if not fresh:
        return
    await uow.lock(*(said.stream for said in fresh))
    topics = {said.stream: topic_of(said.event.speaker) for said in fresh}
    rows = []
    for said in fresh:
        uow.places[said.stream] += 1
        attributes = Attributes(
            id=new_id(),
            type=said.event.type,
            speaker=said.event.speaker,
            stream=said.stream,
            seq=uow.places[said.stream],
            time=uow.now,
            cause=said.cause,
            actor=said.actor,
            rules=said.rules,
            trace=said.trace,
        )
        rows.append(
            (
                bucket_of(said.stream),
                attributes.id,
                topics[said.stream],
                said.stream,
                attributes.seq,
                dump_headers(encode_headers(attributes)),
                said.data,
            )
        )
    names = ("buckets", "events", "topics", "streams", "seqs", "headers", "data")
    given = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    await uow.session.execute(
        _WRITE,
        given | {"said": list(topics), "last": [uow.places[one] for one in topics], "on": list(topics.values())},
    )
    uow.written = len(uow.said)
