"""The nudge: few notifications for many commits, and none of them in a transaction of somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from backbone import nudge as subject
from backbone.database import Database
from backbone.nudge import CHANNEL, Nudge
from tests.backbone.broker_suite import until


@asynccontextmanager
async def heard(address: str, nudge: Nudge) -> AsyncIterator[list[str]]:
    """What a listener hears while the nudge runs."""
    notes: list[str] = []
    connection = await asyncpg.connect(address)
    running = asyncio.create_task(nudge.run())
    try:
        await connection.add_listener(CHANNEL, lambda *note: notes.append(note[2]))
        yield notes
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await connection.close()


async def test_many_commits_within_a_moment_are_told_by_few_notifications(db: Database, address: str) -> None:
    nudge = Nudge(address, gap=0.1)
    async with heard(address, nudge) as notes:
        for _ in range(50):
            nudge()
            await asyncio.sleep(0.001)
        await until(lambda: bool(notes))
        await asyncio.sleep(0.3)
        assert 1 <= len(notes) <= 3


async def test_what_is_said_while_a_notification_is_on_its_way_is_told_by_the_next(db: Database, address: str) -> None:
    nudge = Nudge(address, gap=0.05)
    async with heard(address, nudge) as notes:
        for count in range(1, 4):
            nudge()
            await until(lambda count=count: len(notes) == count)  # type: ignore[misc]  # bound now


async def test_a_nudge_outlives_the_end_of_its_connection(
    db: Database, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAUSE", 0.05)
    nudge = Nudge(address)
    async with heard(address, nudge) as notes:
        nudge()
        await until(lambda: len(notes) == 1)
        connection = await asyncpg.connect(address)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_notify%'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()
        async with asyncio.timeout(10):
            while len(notes) < 2:
                nudge()
                await asyncio.sleep(0.05)
