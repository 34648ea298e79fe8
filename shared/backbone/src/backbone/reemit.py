"""Everything the outbox still holds is sent again: the way back when a topic was lost or re-created.

python -m backbone.reemit referral --reason "the topic was re-created"

The relays go on from the beginning, in order; whoever has heard an event drops it by its `seq`. What the outbox no
longer holds (`RELIEFPATH_OUTBOX_DAYS`) cannot be sent again, and is told.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from backbone.database import Database, UnitOfWork, is_transient
from backbone.outbox import OF_ANOTHER_CLUSTER
from backbone.service import SERVICES
from backbone.settings import read_settings
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

SHORTEST_REASON: Final = 3

# The fence makes a relay that is just sending give its buckets back and begin anew.
_BEGIN_AGAIN: Final = text(
    "UPDATE backbone.cursors SET seen = CAST('1:1:' AS pg_snapshot), target = NULL, sent = 0, fence = fence + 1"
)
_HELD: Final = text(
    """
    SELECT coalesce(sum(o.events), 0) AS events, count(*) FILTER (WHERE coalesce(o.first, 2) > 1) AS cut
    FROM backbone.streams s
    LEFT JOIN (
        SELECT stream, count(*) AS events, min(seq) AS first FROM backbone.outbox GROUP BY stream
    ) o ON o.stream = s.stream
    WHERE s.seq > 0
    """
)


@dataclass(frozen=True, slots=True)
class Reemitted:
    """How many events are sent again, and of how many streams the beginning is not held any more."""

    events: int
    cut_streams: int


# What came from another server bears transaction ids that this one has not had yet: it would not be seen for as long.
_ADOPT: Final = (
    "ALTER TABLE backbone.outbox DISABLE TRIGGER never_changed",
    "UPDATE backbone.outbox SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())",
    "ALTER TABLE backbone.outbox ENABLE TRIGGER never_changed",
)


async def reemit(uow: UnitOfWork, reason: str) -> Reemitted:
    """Let the relays send everything again that the outbox holds."""
    found = (await uow.session.execute(_HELD)).one()
    if (await uow.session.execute(text(OF_ANOTHER_CLUSTER))).scalar_one():
        for statement in _ADOPT:
            await uow.session.execute(text(statement))
    await uow.session.execute(_BEGIN_AGAIN)
    uow.record("re-emit", "outbox", None, reason=reason)
    return Reemitted(int(found.events), int(found.cut))


async def _reemit(service: str, reason: str) -> Reemitted:
    database = Database(read_settings().database_of(service), statement_timeout=600)
    try:
        async with database.unit_of_work(actor=Actor(Role.SYSTEM, service), cause="re-emission") as uow:
            return await reemit(uow, reason)
    finally:
        await database.close()


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, do it, say what will be sent and what cannot be."""
    parser = argparse.ArgumentParser(prog="python -m backbone.reemit", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("--reason", required=True, help="why; written into the audit")
    given: Any = parser.parse_args(arguments)
    if len(given.reason.strip()) < SHORTEST_REASON:
        parser.error("--reason wants a few words")
    try:
        done = asyncio.run(_reemit(given.service, given.reason.strip()))
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return 2
    except Exception as error:
        if not is_transient(error):
            raise
        sys.stderr.write(f"The {given.service} database does not answer ({type(error).__name__}).\n")
        return 2
    sys.stdout.write(f"{given.service}: {done.events} events are sent again\n")
    if done.cut_streams:
        sys.stdout.write(f"NOT whole: of {done.cut_streams} streams the outbox no longer holds the beginning\n")
    return 1 if done.cut_streams else 0


if __name__ == "__main__":
    raise SystemExit(main())
