"""The same request twice, one effect: the answer to a keyed request is kept in the transaction of its change.

The key is locked first, for as long as the transaction lasts. A second request with the key waits without a connection
until the first has committed, then gets the first one's answer; if the first rolled back or its process died, nothing
is left and the second goes ahead.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import delete, func, select, text

from backbone.carriage import idempotency as answers
from backbone.database import UnitOfWork
from backbone.problems import KeyMissing, KeyReused, Reason, Unavailable

KEPT_FOR: Final = timedelta(hours=24)
MOST_KEY_CHARACTERS: Final = 200
MOST_WAITING: Final = 20
"""Requests of one key that one process lets wait for the first."""

PAUSES: Final = (0.05, 0.5)
"""Seconds between two looks whether another process has finished: at first, and at most."""

Result = TypeVar("Result")


class InFlight(Exception):
    """Another transaction has the key."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Turns:
    """Requests of one key go one after the other. Whoever waits for a turn holds no connection."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[tuple[str, str], _Turn] = WeakValueDictionary()

    async def take(self, subject: str, key: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """What the attempt returns, once neither this process nor, by InFlight, another one works on the key.

        Waits for as long as the caller lets it. Raises Unavailable when too many wait already.
        """
        turn = self._turns.setdefault((subject, key), _Turn())
        if turn.waiting > MOST_WAITING:
            raise Unavailable(
                "The first request with this Idempotency-Key is still being worked on, and many wait for its answer."
                " Repeat it with the same key.",
                retry_after=5,
            )
        turn.waiting += 1
        try:
            async with turn.lock:
                return await _until_it_is_free(attempt)
        finally:
            turn.waiting -= 1


async def _until_it_is_free(attempt: Callable[[], Awaitable[Result]]) -> Result:
    pause, longest = PAUSES
    while True:
        try:
            return await attempt()
        except InFlight:
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


_CLAIM: Final = text(
    """
    WITH lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0)) AS free),
    claimed AS (
        INSERT INTO backbone.idempotency (subject, key, request)
        SELECT CAST(:subject AS text), CAST(:key AS text), CAST(:request AS text) FROM lock WHERE free
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT free, EXISTS (SELECT 1 FROM claimed) FROM lock
    """
)


_KEEP: Final = text(
    """
    UPDATE backbone.idempotency SET status = :status, headers = CAST(:headers AS jsonb), body = :body
    WHERE subject = :subject AND key = :key
    """
)


def fingerprint(method: str, path: str, query: str, if_match: str | None, body: bytes) -> str:
    """What makes two requests the same."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query.encode(), (if_match or "").encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def check_key(key: str | None) -> str:
    """The key as sent. Raises KeyMissing."""
    if key is None or not 1 <= len(key) <= MOST_KEY_CHARACTERS:
        raise KeyMissing(
            "Every POST needs an Idempotency-Key of its own, so that it can be repeated safely.",
            [
                Reason(
                    code="idempotency-key",
                    message="The Idempotency-Key header is missing, empty or too long.",
                    satisfy=f"Send a new UUID, at most {MOST_KEY_CHARACTERS} characters; the same one when you repeat.",
                )
            ],
        )
    return key


async def recall(uow: UnitOfWork, key: str, request: str) -> Answer | None:
    """Claim the key for this request, or the answer it already got. Raises KeyReused; InFlight when another has it."""
    subject = str(uow.actor)
    tried = {"name": f"{subject} {key}", "subject": subject, "key": key, "request": request}
    free, claimed = (await uow.session.execute(_CLAIM, tried)).one()
    if not free:
        raise InFlight
    if claimed:
        return None
    kept = (await uow.session.execute(select(answers).where(answers.c.subject == subject, answers.c.key == key))).one()
    if kept.request != request:
        raise KeyReused(
            "This Idempotency-Key was used for another request.",
            [
                Reason(
                    code="idempotency-key-reused",
                    message="The key came before with another method, address, If-Match or body.",
                    satisfy="Use a new key for a new request.",
                )
            ],
        )
    return Answer(kept.status, dict(kept.headers), bytes(kept.body))


async def keep(uow: UnitOfWork, key: str, answer: Answer) -> None:
    """Keep the answer with its key."""
    await uow.session.execute(
        _KEEP,
        {
            "subject": str(uow.actor),
            "key": key,
            "status": answer.status,
            "headers": json.dumps(answer.headers),
            "body": answer.body,
        },
    )


async def forget(uow: UnitOfWork) -> None:
    """Forget answers older than a day."""
    await uow.session.execute(delete(answers).where(answers.c.kept_at < func.clock_timestamp() - KEPT_FOR))
