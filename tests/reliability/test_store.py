"""The model of the outbox gives a relay what PostgreSQL gives it: the same schedule on both, read by the same code."""

from __future__ import annotations

import random
from typing import Any

import asyncpg
import pytest

from backbone import relay
from backbone.database import Database
from backbone.rows import new_id
from tests.reliability.store import Outbox

SAY = (
    "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
    " VALUES (0, gen_random_uuid(), 't', $1, 1, '[]', '') RETURNING id"
)
OWN = "UPDATE backbone.cursors SET fence = 1, seen = pg_current_snapshot() WHERE bucket = 0"


def at_once(work: Any) -> Any:
    """The result of what the model does, passing over its boundaries."""
    while True:
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value


class Both:
    """PostgreSQL and the model, side by side."""

    def __init__(self, reading: asyncpg.Connection[Any], writing: list[asyncpg.Connection[Any]]) -> None:
        self.reading, self.writing, self.model = reading, writing, Outbox()
        self.open: dict[int, tuple[Any, int]] = {}

    async def begin(self, writer: int) -> None:
        """A transaction begins, and has its id."""
        transaction = self.writing[writer].transaction()
        await transaction.start()
        await self.writing[writer].fetchval("SELECT pg_current_xact_id()::text")
        self.open[writer] = transaction, self.model.begin()

    async def say(self, writer: int) -> None:
        """It says something."""
        row = await self.writing[writer].fetchval(SAY, new_id())
        self.model.rows.append({"id": row, "xid": self.open[writer][1]})

    async def end(self, writer: int, *, commit: bool) -> None:
        """It ends."""
        transaction, xid = self.open.pop(writer)
        await (transaction.commit() if commit else transaction.rollback())
        self.model.end(xid, commit=commit)

    async def relay(self, most: int) -> list[int]:
        """What both read next must be the same; then both move their cursor."""
        real = await self.reading.fetch(relay._NEXT, [0], most, [None], [None])
        modelled = at_once(self.model.fetch(relay._NEXT, [0], most, [None], [None]))
        assert [row["id"] for row in real] == [row["id"] for row in modelled]
        assert real[0]["begun"] == modelled[0]["begun"]
        ids = [row["id"] for row in real if row["id"] is not None]
        if ids or real[0]["begun"]:
            after = ids[-1] if len(ids) == most else 0
            assert await self.reading.execute(relay._MOVE, [0], [real[0]["target"]], [after], [1]) == "UPDATE 1"
            assert at_once(self.model.execute(relay._MOVE, [0], [modelled[0]["target"]], [after], [1])) == "UPDATE 1"
        return ids


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_commits_when_both_give_the_same_events_in_the_same_batches(
    db: Database, address: str, seed: int
) -> None:
    chance = random.Random(seed)
    reading, *writing = [await asyncpg.connect(address) for _ in range(5)]
    try:
        await reading.execute(OWN)
        both, sent = Both(reading, writing), list[int]()
        for _ in range(120):
            writer = chance.randrange(len(writing))
            if chance.random() < 0.25:
                sent += await both.relay(chance.randint(1, 3))
            elif writer not in both.open:
                await both.begin(writer)
            elif chance.random() < 0.6:
                await both.say(writer)
            else:
                await both.end(writer, commit=chance.random() < 0.8)
        for writer in list(both.open):
            await both.end(writer, commit=True)
        while (ids := await both.relay(3)) or both.model.cursor.target is not None:
            sent += ids
        committed = await reading.fetch("SELECT id FROM backbone.outbox")
        assert sorted(sent) == sorted(row["id"] for row in committed)
        assert len(sent) > 10
    finally:
        for connection in (reading, *writing):
            await connection.close()


def test_a_stale_fence_moves_nothing() -> None:
    model = Outbox()
    model.cursor.fence = 2
    assert at_once(model.execute(relay._MOVE, [0], [model.snapshot()], [0], [1])) == "UPDATE 0"
