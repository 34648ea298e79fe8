"""The same request twice, one effect: the answer to a keyed request is kept in the transaction of its change.

The row of a key is inserted first. A second request with the key waits at that row until the first has committed, then
gets the first one's answer; if the first rolled back or its process died, nothing is left and the second goes ahead.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from backbone.carriage import idempotency as answers
from backbone.database import UnitOfWork, sqlstate
from backbone.problems import Conflict, KeyMissing, KeyReused, Reason

KEPT_FOR: Final = timedelta(hours=24)
MOST_KEY_CHARACTERS: Final = 200
WAIT: Final = "5s"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


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
    """Claim the key for this request, or the answer it already got. Raises KeyReused; Conflict while in flight."""
    subject = str(uow.actor)
    try:
        await uow.session.execute(text(f"SET LOCAL lock_timeout = '{WAIT}'"))
        claimed = await uow.session.execute(
            upsert(answers)
            .values(subject=subject, key=key, request=request)
            .on_conflict_do_nothing()
            .returning(answers.c.key)
        )
        await uow.session.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
    except DBAPIError as error:
        if sqlstate(error) == "55P03":
            raise Conflict(
                "request-in-flight",
                "The first request with this Idempotency-Key is still being worked on. Repeat it in a moment.",
            ) from None
        raise
    if claimed.first() is not None:
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
        update(answers)
        .where(answers.c.subject == str(uow.actor), answers.c.key == key)
        .values(status=answer.status, headers=answer.headers, body=answer.body)
    )


async def forget(uow: UnitOfWork) -> None:
    """Forget answers older than a day."""
    await uow.session.execute(delete(answers).where(answers.c.kept_at < func.clock_timestamp() - KEPT_FOR))
