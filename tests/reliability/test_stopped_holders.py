"""Who stands still while it holds something is disconnected: others go on within seconds, and nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from backbone.carriage import BUCKETS
from backbone.database import Database
from backbone.relay import LOCK_SPACE
from backbone.rows import new_id
from tests.support.visiting.world import unit

SECONDS: Final = 16.0
"""Ten until the server gives a client up, and a few for what notices it."""

HOLDING: Final = """
import asyncio, sys, uuid
from backbone.database import Database
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role

async def main():
    database = Database(sys.argv[1])
    async with database.unit_of_work(actor=Actor(Role.SYSTEM, "holder"), cause="test") as uow:
        await uow.lock(uuid.UUID(sys.argv[2]))
        print("locked", flush=True)
        await asyncio.sleep(100)

asyncio.run(main())
"""

RELAYING: Final = """
import asyncio, sys
from backbone.relay import Relay

class Nobody:
    async def send(self, messages):
        await asyncio.sleep(0.001)
    async def answers(self, topics):
        return True
    async def stop(self):
        pass

asyncio.run(Relay(sys.argv[1], Nobody(), sys.argv[2], 60).run())
"""


@asynccontextmanager
async def child(code: str, *given: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that runs this code."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *given, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_process_that_is_stopped_within_a_transaction_frees_its_journey(db: Database, address: str) -> None:
    journey = new_id()
    async with child(HOLDING, address, str(journey)) as holder:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"locked\n"
        holder.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with_it = None
        while with_it is None and time.monotonic() - began < SECONDS:
            try:
                async with unit(db) as uow:
                    await uow.lock(journey, patience=1.0)
                    with_it = time.monotonic() - began
            except DBAPIError:
                pass
        assert with_it is not None, f"locked for more than {SECONDS} s"


async def test_a_relay_that_is_stopped_while_it_reads_loses_its_buckets(db: Database, address: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(
            "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
            " SELECT n % 16, uuidv7(), 'reliefpath.referral', uuidv7(), 1, '[[\"a\", \"b\"]]',"
            " convert_to(repeat('x', 20000), 'UTF8') FROM generate_series(1, 20000) n"
        )
        await connection.execute("ANALYZE backbone.outbox")
        async with child(RELAYING, address, "one") as one:
            await _stopped_while_reading(connection, one)
            async with child(RELAYING, address, "two"):
                async with asyncio.timeout(SECONDS):
                    while await _buckets(connection, "two") < BUCKETS:
                        await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def _stopped_while_reading(connection: asyncpg.Connection[Any], process: asyncio.subprocess.Process) -> None:
    """Stop it at a moment at which the server has more to tell it than the network takes."""
    for _ in range(100):
        async with asyncio.timeout(20):
            while await _wait_of(connection, "state") != "active":
                await asyncio.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.3)
        if await _wait_of(connection, "wait_event") == "ClientWrite":
            return
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.01)
    pytest.fail("the relay was never caught while it read")


async def _wait_of(connection: asyncpg.Connection[Any], column: str) -> Any:
    return await connection.fetchval(
        f"SELECT {column} FROM pg_stat_activity WHERE application_name = 'one-relay' LIMIT 1"
    )


async def _buckets(connection: asyncpg.Connection[Any], name: str) -> int:
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory'"
        " AND mode = 'ExclusiveLock' AND granted AND classid::bigint = $1 AND application_name = $2"
    )
    return int(await connection.fetchval(query, LOCK_SPACE, f"{name}-relay"))
