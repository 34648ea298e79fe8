"""The simulator proves itself: each bug breaks a promise it checks.

Those of Relay and Hearer are planted into the product's own code; those of World, Outbox, Unit and Inbox into the model
of what the database does, where the product's own is SQL. `test_planted_in_sql.py` plants into that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest

from backbone import relay
from backbone.hearing import Hearer
from backbone.relay import Relay, outgoing
from tests.reliability.schedules import play
from tests.reliability.store import Boundary, Cursor, Inbox, Outbox, Unit
from tests.reliability.world import World

SEEDS = range(150)
"""Each bug breaks at least one of these schedules; the product keeps its promises in all."""

_moves, _take_effect, _unseen, _execute = Relay._moves, Hearer._take_effect, Outbox.unseen, Outbox.execute


async def offset_before_commit(self: World) -> None:
    uow = Unit(self.tables)
    messages = self.log[uow.tables.offset :][:3]
    self.tables.offset = uow.tables.offset = uow.tables.offset + len(messages)
    await self.hearer.hear(uow, messages, carefully=True)  # type: ignore[arg-type]
    await Boundary()
    self.tables = uow.tables


async def no_inbox(self: Hearer, uow: Any, batch: Any, attributes: Any, message: Any, carefully: bool) -> None:
    await _take_effect(self, uow, attributes, message, carefully)


async def seq_not_written_down(self: Inbox, uow: Any, seqs: Any) -> None:
    return None


def id_greater_than_last(self: Outbox, cursor: Cursor, target: Any, sent: int) -> list[dict[str, Any]]:
    done = [row for row in self.rows if row["xid"] not in self.aborted and self.snapshot().shows(row["xid"])]
    return [row for row in done if row["id"] > sent]


def always_go_on_after_the_last(self: Relay, rows: Any, most: int) -> Any:
    return [
        (number, target, max((row["id"] or 0 for row in rows), default=0), fence)
        for number, target, _, fence in _moves(self, rows, most)
        if any(row["id"] for row in rows)
    ]


async def marks_before_ack(self: Relay, connection: Any) -> bool:
    if self._owned:
        rows = await connection.fetch(relay._NEXT, list(self._owned), 2, [None], [None])
        moves = self._moves(rows, 2)
        if moves:
            await connection.execute(relay._MOVE, *(list(column) for column in zip(*moves, strict=True)))
        await self._producer.send([outgoing(row) for row in rows if row["id"] is not None])
    return False


async def failed_event_skipped(self: Hearer, *given: Any, **more: Any) -> None:
    await _take_effect(self, *given, **more)


def limit_cuts_the_snapshot(self: Relay, rows: Any, most: int) -> Any:
    return [(number, target, 0, fence) for number, target, _, fence in _moves(self, rows, most)]


@asynccontextmanager
async def failed_effect_kept(self: Unit) -> AsyncIterator[None]:
    yield


async def target_taken_anew(self: Outbox, *given: Any) -> str:
    moved = await _execute(self, *given)
    self.cursor.target = None
    return moved


def newest_taken_first(self: Outbox, cursor: Cursor, target: Any, sent: int) -> list[dict[str, Any]]:
    return _unseen(self, cursor, target, sent)[::-1]


BUGS: dict[str, list[tuple[type, str, Callable[..., Any]]]] = {
    "offset before commit": [(World, "hear", offset_before_commit)],
    "no inbox": [(Hearer, "_hear_one", no_inbox)],
    "last seq not written down": [(Inbox, "note_heard", seq_not_written_down)],
    "id greater than last poller": [
        (Outbox, "unseen", id_greater_than_last), (Relay, "_moves", always_go_on_after_the_last),
    ],
    "relay marks before ack": [(Relay, "_relay_once", marks_before_ack)],
    "failed event skipped": [(Hearer, "_take_effect", failed_event_skipped)],
    "limit cuts the snapshot": [(Relay, "_moves", limit_cuts_the_snapshot)],
    "effect of a failed try kept": [(Unit, "attempt", failed_effect_kept)],
    "target taken anew for each batch": [(Outbox, "execute", target_taken_anew)],
    "newest rows taken first": [(Outbox, "unseen", newest_taken_first)],
}  # fmt: skip


def play_all() -> None:
    for seed in SEEDS:
        play(World, seed)


@pytest.mark.parametrize("bug", BUGS)
def test_the_simulator_catches(bug: str) -> None:
    patches = [mock.patch.object(*planted) for planted in BUGS[bug]]
    for patch in patches:
        patch.start()
    try:
        with pytest.raises(AssertionError) as caught:
            play_all()
    finally:
        for patch in patches:
            patch.stop()
    print(f"{bug}: {caught.value}")


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_planted_bug_every_schedule_keeps_its_promises(seed: int) -> None:
    play(World, seed)
