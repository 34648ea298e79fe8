"""The feed: what a service said of the journeys its caller may see, in pages, for who cannot subscribe to topics.

It is read as the relay reads, by the difference between two snapshots: a place in it names what was seen, so an event
of a transaction that took long is not passed over, as it would be by "id greater than".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, LargeBinary, Text, Uuid, case, column, select, text
from sqlalchemy import null as nothing

from backbone.access import Caller, Principal, require_role, visible
from backbone.actions import unit_of_work
from backbone.carriage import BUCKETS
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.outbox import PLANNING, following
from backbone.paging import Limit, decode_cursor, encode_cursor, not_ours
from backbone.problems import Conflict, Reason
from backbone.settings import Settings
from reliefpath.envelope import load_headers
from reliefpath.vocabulary import Role

router = APIRouter(tags=["events"], responses=PROBLEM_RESPONSES)

READERS: Final = tuple(role for role in Role if role not in {Role.PATIENT, Role.SYSTEM})

LOOKED_AT: Final = 1_000
"""So many events are looked at for one page, seen or not: a page may be short and still not be the last."""

After = Annotated[
    str | None, Query(max_length=8_000, description="`after` of the page before; without it the feed begins.")
]

_COLUMNS: Final = "o.id, o.stream, o.headers, o.data"
_LOOK: Final = text(
    f"""
    WITH present AS MATERIALIZED (
        SELECT pg_current_snapshot() AS snapshot, CAST(extract(epoch FROM clock_timestamp()) AS bigint) AS at
    ),
    c AS MATERIALIZED (
        SELECT CAST(bucket AS smallint) AS bucket, CAST(:sent AS bigint) AS sent,
            CAST(CAST(:seen AS text) AS pg_snapshot) AS seen, coalesce(
                CAST(nullif(CAST(:target AS text), '') AS pg_snapshot), present.snapshot
            ) AS target
        FROM present, generate_series(0, {BUCKETS - 1}) AS bucket
    )
    SELECT CAST(c.target AS text) AS target, present.at,
        pg_snapshot_xmax(c.seen) > pg_snapshot_xmax(present.snapshot) AS foreign_place, {_COLUMNS}
    FROM present CROSS JOIN c LEFT JOIN LATERAL {following(_COLUMNS, ":most")} o ON true
    ORDER BY o.id LIMIT :most
    """  # noqa: S608 - nothing but the words above and a number
)
_SNAPSHOT: Final = re.compile(r"([0-9]{1,19}):([0-9]{1,19}):((?:[0-9]{1,19}(?:,[0-9]{1,19})*)?)")


class FeedEvent(BaseModel):
    """An event as a CloudEvent in JSON: the same attributes and data as on its topic."""

    specversion: str
    id: UUID
    source: str
    type: str
    subject: UUID
    time: datetime
    datacontenttype: str
    seq: int = Field(description="The place in its stream: what this service said of this subject, 1, 2, 3…")
    journey: UUID | None = None
    cause: str
    actor: str
    rules: str | None = None
    traceparent: str | None = None
    data: dict[str, Any]


class Feed(BaseModel):
    """Events, those of a subject in order. Ask again with `after`: at once while there is `more`, else later."""

    items: list[FeedEvent]
    after: str
    more: bool


@router.get("/events", operation_id="events", response_model_exclude_none=True)
async def read_events(request: Request, principal: Caller, after: After = None, limit: Limit = 50) -> Feed:
    """What this service said of the journeys that the caller may see, as far as it is kept; the earliest first.

    An event comes at least once. Of a journey that becomes visible later, only what is said from then on follows.
    """
    require_role(principal, *READERS)
    settings: Settings = request.app.state.settings
    async with unit_of_work(request, principal) as uow:
        feed = await read_on(uow, principal, after, limit, settings.outbox_days)
        if journeys := {one.journey for one in feed.items if one.journey is not None}:
            uow.record("read", "events", None, journeys=journeys)
    return feed


async def read_on(uow: UnitOfWork, principal: Principal, after: str | None, limit: int, kept_days: int) -> Feed:
    """The events after a place, at most `limit`, and the place after them.

    Raises Invalid for a place that was not given out, and Conflict for one of so long ago that events which followed
    it may have been dropped (after `kept_days`, 0: never), or of another database server.
    """
    place = BEGINNING if after is None else _Place.read(after)
    rows = await _look(uow, principal, place)
    now, target = rows[0].at, rows[0].target
    if rows[0].foreign_place or (place.at is not None and kept_days and place.at < now - kept_days * 86_400):
        raise _gone(kept_days)
    items: list[FeedEvent] = []
    last, more = 0, False
    for number, row in enumerate(one for one in rows if one.id is not None):
        if number == LOOKED_AT or len(items) == limit:
            more = True
            break
        last = row.id
        if row.headers is not None:
            items.append(_shown(row))
    since = now if place.at is None else place.at
    following_place = (
        _Place(place.seen, target, last, since) if more else _Place(target, "", 0, since if place.target else now)
    )
    return Feed(items=items, after=following_place.told(), more=more)


@dataclass(frozen=True, slots=True)
class _Place:
    """How far the feed is read: all that is visible in `seen`, and of `target` the ids up to `sent`.

    `at` is when `seen` was taken or earlier, in seconds since the epoch: what it has not seen was said after that. At
    the beginning there is no such time.
    """

    seen: str
    target: str
    sent: int
    at: int | None

    @classmethod
    def read(cls, after: str) -> _Place:
        """Read a place back. Raises Invalid when it is not one of ours."""
        seen, target, sent, at = decode_cursor(after, (str, str, int, int), pointer="/after")
        if not _is_snapshot(seen) or (target and not _is_snapshot(target)) or sent < 0 or (sent and not target):
            raise not_ours("/after")
        return cls(seen, target, sent, at)

    def told(self) -> str:
        """The place as it is given out."""
        return encode_cursor((self.seen, self.target, self.sent, self.at))


BEGINNING: Final = _Place("1:1:", "", 0, None)


async def _look(uow: UnitOfWork, principal: Principal, place: _Place) -> Sequence[Any]:
    """What follows a place, one more than is looked at, without the words of what is not the caller's to see.

    There is always a row, which says where the target is; it has no id when nothing follows.
    """
    for name, value in PLANNING.items():
        await uow.session.execute(text(f"SET LOCAL {name} = {value}"))
    looked = (
        _LOOK.bindparams(seen=place.seen, target=place.target, sent=place.sent, most=LOOKED_AT + 1)
        .columns(
            column("target", Text), column("at", BigInteger), column("foreign_place"), column("id", BigInteger),
            column("stream", Uuid), column("headers", Text), column("data", LargeBinary),
        )
        .cte("looked")
    )  # fmt: skip
    shown = visible(principal, looked.c.stream)
    found = await uow.session.execute(
        select(
            looked.c.target, looked.c.at, looked.c.foreign_place, looked.c.id,
            case((shown, looked.c.headers), else_=nothing()).label("headers"),
            case((shown, looked.c.data), else_=nothing()).label("data"),
        ).order_by(looked.c.id)
    )  # fmt: skip
    return found.all()


def _gone(kept_days: int) -> Conflict:
    return Conflict(
        "events-gone",
        "What followed this place may not be kept any more.",
        [
            Reason(
                code="events-gone",
                message=f"Events are kept for {kept_days} days, on the server on which they were said.",
                satisfy="Read the state of your referrals, then read the feed without `after`.",
                pointer="/after",
            )
        ],
    )


def _is_snapshot(words: str) -> bool:
    """Whether PostgreSQL takes it for a snapshot: the oldest open transaction, the next one, and those open between."""
    found = _SNAPSHOT.fullmatch(words)
    if found is None:
        return False
    first, following_one = int(found[1]), int(found[2])
    open_ones = [int(one) for one in found[3].split(",")] if found[3] else []
    return (
        0 < first <= following_one < 2**63
        and all(first <= one < following_one for one in open_ones)
        and open_ones == sorted(set(open_ones))
    )


def _shown(row: Any) -> FeedEvent:
    attributes = {name.removeprefix("ce_"): value.decode() for name, value in load_headers(row.headers)}
    attributes["datacontenttype"] = attributes.pop("content-type")
    return FeedEvent.model_validate(attributes | {"data": json.loads(row.data)})
