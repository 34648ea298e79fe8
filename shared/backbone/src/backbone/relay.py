"""The relay: what the outbox holds goes to Kafka, every event, in the order of its stream.

It reads by the difference between two snapshots, not by "id greater than": ids are taken before they are committed, so
a row with a small id may appear late. A cursor holds the snapshot whose events are all sent (`seen`), the one being
sent (`target`), and the id up to which that is done. Rows are never changed, and an open transaction elsewhere delays
only its own rows. (The idea is PgQ's; see DECISIONS.md.)

Streams are dealt into buckets. A relay owns a bucket while its connection holds the bucket's advisory lock; the cursor
is moved on that same connection. A relay that stands still is disconnected by the server (idle_session_timeout), and
whatever it sends afterwards is dropped by its hearers, who know each stream's last `seq`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import asyncpg
import structlog

from backbone.carriage import BUCKETS
from backbone.database import CONNECTION_FAILED, GONE_IS_GONE, hang_up
from backbone.messages import KafkaAway, Outgoing, Sender
from backbone.nudge import CHANNEL
from backbone.outbox import OF_ANOTHER_CLUSTER, PLANNING, WAY_BACK, following, waiting
from backbone.telemetry import OUTBOX_AGE, OUTBOX_DEPTH, RELAYED
from backbone.watchdog import StoodStill, Watchdog
from reliefpath.envelope import load_headers

log = structlog.get_logger()

LOCK_SPACE: Final = 0x52504C59
BATCH: Final = 2000
OTHERS_EVERY: Final = 8
"""While there is a backlog, one read in so many is of the buckets that have none."""
POLL: Final = 0.1
REBALANCE: Final = 2.0
FIRST_DELAY: Final = 0.1
LAST_DELAY: Final = 5.0
IDLE_LIMIT: Final = "10s"
SIGN_OF_LIFE: Final = 3.0
"""Seconds after which the server hears from a relay that waits for Kafka, so that it is not disconnected."""
MOST_COUNTED: Final = 1_000
"""So many rows of a bucket are counted and no more: counting must not become the work."""

_COLUMNS: Final = "o.id, o.topic, o.stream, o.headers, o.data, o.recorded_at"

# A bucket is read on from where its cursor is or, while what was read before is still on its way, from the place that
# is named.
_NEXT: Final = f"""
WITH present AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot),
c AS MATERIALIZED (
    SELECT k.bucket, k.seen, coalesce(w.target::pg_snapshot, k.target, present.snapshot) AS target,
        w.target IS NOT NULL OR k.target IS NOT NULL AS begun, coalesce(w.sent, k.sent) AS sent
    FROM unnest($1::smallint[], $3::text[], $4::bigint[]) AS w(bucket, target, sent)
    JOIN backbone.cursors k ON k.bucket = w.bucket, present
)
SELECT c.bucket, c.target::text AS target, c.begun, {_COLUMNS}
FROM c LEFT JOIN LATERAL {following(_COLUMNS, "$2")} o ON true
ORDER BY c.bucket, o.id
"""  # noqa: S608 - nothing but the words above
_MOVE: Final = """
UPDATE backbone.cursors c
SET seen = CASE WHEN m.sent = 0 THEN m.target::pg_snapshot ELSE c.seen END,
    target = CASE WHEN m.sent = 0 THEN NULL ELSE m.target::pg_snapshot END,
    sent = m.sent
FROM unnest($1::smallint[], $2::text[], $3::bigint[], $4::bigint[]) AS m(bucket, target, sent, fence)
WHERE c.bucket = m.bucket AND c.fence = m.fence
"""
_FENCE: Final = "UPDATE backbone.cursors SET fence = fence + 1 WHERE bucket = $1 RETURNING fence"
_REPLICAS: Final = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND classid::bigint = $1 AND objid::bigint = 4294967295 AND mode = 'ShareLock' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_WAITING: Final = f"""
SELECT c.bucket, (c.seen, c.target, c.sent)::text AS position, o.depth, o.topic,
    coalesce(extract(epoch FROM clock_timestamp() - o.oldest), 0)::float AS age
FROM backbone.cursors c CROSS JOIN LATERAL (
    SELECT count(*) AS depth, min(w.recorded_at) AS oldest, min(w.topic) AS topic FROM {waiting(MOST_COUNTED)} w
) o
"""  # noqa: S608 - nothing but the words above


class LostBucket(Exception):
    """Another relay has taken over; what was sent is sent again by it and dropped by the hearers."""


@dataclass
class Bucket:
    """A bucket that is ours, and the fence that says so."""

    number: int
    fence: int


@dataclass(frozen=True)
class Read:
    """Rows of the outbox by bucket, at most so many of each."""

    rows: Sequence[Any]
    most: int


class Relay:
    """One of the replicas that share a service's buckets."""

    def __init__(self, address: str, producer: Sender, name: str, watchdog: float) -> None:
        self._address = address
        self._producer = producer
        self._name = name
        self._watchdog: Watchdog[str] = Watchdog(watchdog)
        self._waiting: dict[int, tuple[str, str]] = {}
        self._owned: dict[int, Bucket] = {}
        self._behind: set[int] = set()
        self._ahead: Read | None = None
        self._turn = 0
        self._nudged = asyncio.Event()
        self._delay = FIRST_DELAY

    async def run(self) -> None:
        """Relay until cancelled. A database or a Kafka that is away is waited for; nothing is lost meanwhile.

        Raises StoodStill when Kafka answers and nothing is sent by new clients either, and RuntimeError when the outbox
        is another server's.
        """
        while True:
            try:
                await self._connected()
            except StoodStill as still:
                await self._begin_anew(still)
            except (*CONNECTION_FAILED, KafkaAway, LostBucket) as error:
                reason = str(error) if isinstance(error, KafkaAway) else type(error).__name__
                log.warning("the relay pauses", reason=reason, seconds=self._delay)
            finally:
                self._owned.clear()
                self._behind, self._ahead = set(), None
            await asyncio.sleep(self._delay)
            self._delay = min(self._delay * 2, LAST_DELAY)

    async def _connected(self) -> None:
        connection = await asyncpg.connect(
            self._address,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": f"{self._name}-relay"[:60],
                "idle_session_timeout": IDLE_LIMIT,
                **PLANNING,
                **GONE_IS_GONE,
            },
        )
        try:
            if await connection.fetchval(OF_ANOTHER_CLUSTER):
                raise RuntimeError(WAY_BACK)
            await connection.add_listener(CHANNEL, self._on_nudge)
            replicas = Replicas(connection)
            await replicas.register()
            loop = asyncio.get_running_loop()
            rebalanced = 0.0
            while True:
                if loop.time() - rebalanced >= REBALANCE:
                    await self._share(connection, replicas)
                    await self._observe(connection)
                    rebalanced = loop.time()
                self._nudged.clear()
                more = await self._relay_once(connection)
                self._delay = FIRST_DELAY
                if not more:
                    await self._wait_for_nudge()
        finally:
            await hang_up(connection)

    def _on_nudge(self, *_: Any) -> None:
        self._nudged.set()

    async def _wait_for_nudge(self) -> None:
        try:
            async with asyncio.timeout(POLL):
                await self._nudged.wait()
        except TimeoutError:
            return

    async def _share(self, connection: asyncpg.Connection[Any], replicas: Replicas) -> None:
        """Own a fair share of the buckets: take free ones up to it, give back what is above it."""
        share = -(-BUCKETS // await replicas.count())
        self._ahead = None
        for number in sorted(self._owned)[share:]:
            await connection.execute("SELECT pg_advisory_unlock($1, $2)", LOCK_SPACE, number)
            del self._owned[number]
            self._behind.discard(number)
        for number in range(BUCKETS):
            if len(self._owned) >= share:
                return
            if number not in self._owned and await connection.fetchval(
                "SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, number
            ):
                self._owned[number] = Bucket(number, await connection.fetchval(_FENCE, number))

    async def _relay_once(self, connection: asyncpg.Connection[Any]) -> bool:
        """Send the next events of the buckets that are ours, then move their cursors; whether there is more at once.

        Of a backlog the next events are read while these are on their way; no cursor moves before Kafka has them.
        """
        if not self._owned:
            return False
        read, self._ahead = self._ahead, None
        if read is None:
            read = await _read(connection, self._wanted([]) or [(one, None, None) for one in self._owned])
        moves = self._moves(read.rows, read.most)
        wanted = self._wanted(moves)
        events = [outgoing(row) for row in read.rows if row["id"] is not None]
        reading = _read(connection, wanted) if wanted else None
        following = await _while_sending(connection, self._producer.send(events), reading)
        if moves:
            moved = await connection.execute(_MOVE, *(list(column) for column in zip(*moves, strict=True)))
            if moved != f"UPDATE {len(moves)}":
                raise LostBucket
        RELAYED.inc(len(events))
        self._ahead = following
        return following is not None

    def _wanted(self, moves: Sequence[tuple[int, str, int, int]]) -> list[tuple[int, str | None, int | None]]:
        """What to read while these are on their way: one bucket with a backlog, and now and then all that have none.

        Every read costs a round trip, so of a backlog there have to be few and long ones; and whoever has none must not
        wait for those who have one. A bucket whose target is all on its way has to wait until its cursor says so.
        """
        on_their_way: dict[int, tuple[str | None, int | None]] = {one: (to, sent) for one, to, sent, _ in moves}
        self._behind = (self._behind - on_their_way.keys()) | {one for one, (_, sent) in on_their_way.items() if sent}
        if not self._behind:
            return []
        self._turn += 1
        behind = sorted(self._behind)
        theirs, turn = self._turn % OTHERS_EVERY == 0, self._turn - self._turn // OTHERS_EVERY
        others = [one for one in self._owned if one not in self._behind] if theirs else []
        chosen = others or [behind[turn % len(behind)]]
        places = [(one, *on_their_way.get(one, (None, None))) for one in chosen]
        return [(one, target, sent) for one, target, sent in places if sent != 0]

    def _moves(self, rows: Sequence[Any], most: int) -> list[tuple[int, str, int, int]]:
        """Per bucket: its target, and the id to go on after, or 0 when all of the target is sent."""
        moves = []
        for number, group in groupby(rows, key=lambda row: row["bucket"]):
            of_bucket = list(group)
            sent = [row["id"] for row in of_bucket if row["id"] is not None]
            if sent or of_bucket[0]["begun"]:
                after = sent[-1] if len(sent) == most else 0
                moves.append((number, of_bucket[0]["target"], after, self._owned[number].fence))
        return moves

    async def _observe(self, connection: asyncpg.Connection[Any]) -> None:
        buckets = await connection.fetch(_WAITING)
        OUTBOX_DEPTH.set(sum(one["depth"] for one in buckets))
        OUTBOX_AGE.set(max(one["age"] for one in buckets))
        self._check_progress(buckets)

    def _check_progress(self, buckets: Sequence[Any]) -> None:
        """Raise StoodStill when rows have waited in buckets of ours for too long while no cursor of theirs moved.

        One bucket that moves speaks for all: of a long backlog they take turns.
        """
        positions = {one["bucket"]: one["position"] for one in buckets}
        ours = {
            one["bucket"]: (one["position"], one["topic"])
            for one in buckets
            if one["depth"] and one["bucket"] in self._owned
        }
        if any(positions[bucket] != position for bucket, (position, _) in self._waiting.items()):
            self._waiting.clear()
        if not self._waiting:
            self._watchdog.has_moved("outbox")
        elif ours.keys() & self._waiting.keys():
            self._watchdog.check(["outbox"])
        self._waiting |= ours

    async def _begin_anew(self, still: StoodStill) -> None:
        """Let new clients be made, or raise StoodStill. A Kafka that is away is no fault of ours: it is waited for."""
        if not await self._producer.answers({topic for _, topic in self._waiting.values()}):
            log.warning("the relay waits for Kafka")
            self._watchdog.has_moved("outbox")
        elif still.again:
            raise still
        else:
            log.error("the relay stood still and is rebuilt", reason=str(still))
        await self._producer.stop()


async def _while_sending(
    connection: asyncpg.Connection[Any],
    sending: Coroutine[Any, Any, None],
    reading: Coroutine[Any, Any, Read] | None,
) -> Read | None:
    """What was read meanwhile, once everything is sent. Neither goes on when the other fails."""
    task = asyncio.create_task(sending)
    try:
        following = await reading if reading is not None else None
        while not (await asyncio.wait({task}, timeout=SIGN_OF_LIFE))[0]:
            await connection.execute("SELECT 1")
        await task
        return following
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _read(connection: asyncpg.Connection[Any], wanted: Sequence[tuple[int, str | None, int | None]]) -> Read:
    most = BATCH // len(wanted) + 1
    buckets, targets, sent = zip(*wanted, strict=True)
    return Read(await connection.fetch(_NEXT, buckets, most, targets, sent), most)


class Replicas:
    """How many relays are at work: each holds one shared advisory lock, which the server counts and never forgets."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    async def register(self) -> None:
        """Be counted, as long as the connection lives."""
        await self._connection.execute("SELECT pg_advisory_lock_shared($1, $2)", LOCK_SPACE, -1)

    async def count(self) -> int:
        """Relays at work on this database, at least one."""
        found = await self._connection.fetchval(
            _REPLICAS,
            LOCK_SPACE,
        )
        return max(1, int(found))


def outgoing(row: Any) -> Outgoing:
    """An outbox row as a Kafka message. Its time is when it was recorded, so that lag can be told from it."""
    return Outgoing(
        topic=row["topic"],
        key=str(row["stream"]).encode(),
        value=bytes(row["data"]),
        headers=load_headers(row["headers"]),
        at=int(row["recorded_at"].timestamp() * 1000),
    )
