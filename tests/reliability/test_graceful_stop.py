"""Told to end while there is much to do: what is under way is answered, nobody new is let in, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from backbone.database import Database
from backbone.rows import new_id
from backbone.topics import main as create_topics
from stack.keys import Keys
from tests.support.callers import INSTANCE, POOL, Answered, Served, answered, serving
from tests.support.processes import Running, connections, environment, running
from tests.support.servers import Server
from tests.support.visiting.world import SOMEBODY, listed

WITHIN: Final = 10.0
"""Seconds in which a process has to end."""

NOTICED: Final = 10.0
"""Seconds in which a server has to have noticed that; on a machine with much to do the looking, too, takes seconds."""

CUT_OFF: Final = (ConnectionResetError, BrokenPipeError, EOFError)
"""A connection that was made but not yet heard when its process was told to end."""


async def ended(process: Running, database: str, instance: str = INSTANCE) -> None:
    """Until it has ended, as it should: in time, with 0, and with nothing left of it."""
    started = time.monotonic()
    assert await asyncio.to_thread(process.ended) == 0
    assert time.monotonic() - started < WITHIN
    # A server notices within two seconds (client_connection_check_interval) whose query nobody waits for any more.
    gone = time.monotonic()
    while connections(database, instance) and time.monotonic() - gone < NOTICED:
        await asyncio.sleep(0.1)
    assert connections(database, instance) == 0
    assert process.group_is_gone
    assert [line for line in process.told if line["level"] == "error" and line["event"] != "library"] == []


async def test_what_is_under_way_is_answered_and_nobody_new_is_let_in(
    database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> None:
    with serving(database("scheduling"), keys, tmp_path) as served:
        async with asyncio.TaskGroup() as tasks:
            async with served.standing_still(), served.connected() as (_, idle):
                asked = [tasks.create_task(served.ask(served.listing(f"stop-{number}"))) for number in range(40)]
                await served.waiting_for_locks(POOL)
                served.process.signal(signal.SIGTERM)
                await asyncio.sleep(1)
                with pytest.raises(ConnectionRefusedError):
                    await served.ask(served.listing("stop-late"))
                idle.write(served.listing("stop-idle"))
            await ended(served.process, served.database)
        answers = [one.result() for one in asked]
        assert [one.status for one in answers] == [201] * 40
        assert {one.headers["connection"] for one in answers} == {"close"}
        assert await served.value("SELECT count(*) FROM facilities WHERE code LIKE 'stop-%'") == 40


async def test_what_cannot_be_done_in_time_is_answered_too(
    database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> None:
    with serving(database("scheduling"), keys, tmp_path) as served:
        async with asyncio.TaskGroup() as tasks, served.standing_still():
            asked = [tasks.create_task(served.ask(served.listing(f"held-{number}"))) for number in range(40)]
            async with served.connected() as (reader, writer):
                writer.write(served.listing("half")[:-10])
                await served.waiting_for_locks(POOL)
                served.process.signal(signal.SIGTERM)
                assert (await answered(reader)).problem == "unavailable"
            answers = await asyncio.gather(*asked)
            await ended(served.process, served.database)
        assert {one.problem for one in answers} == {"unavailable"}
        assert all(int(one.headers["retry-after"]) > 0 for one in answers)
        assert await served.value("SELECT count(*) FROM facilities WHERE code LIKE 'held-%'") == 0


async def test_processes_that_come_and_go_under_load_lose_nothing(
    database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> None:
    done: dict[str, Answered] = {}

    async def work(served: Served, worker: int) -> None:
        """List one facility after the other until the process is gone; one that was not answered is asked for anew."""
        with suppress(ConnectionRefusedError):
            while True:
                code = f"load-{worker}-{len(done)}"
                try:
                    done[code] = await served.ask(served.listing(code))
                except CUT_OFF:
                    continue

    for number in range(3):
        (folder := tmp_path / str(number)).mkdir()
        with serving(database("scheduling"), keys, folder) as served:
            async with asyncio.TaskGroup() as tasks:
                for worker in range(30):
                    tasks.create_task(work(served, 100 * number + worker))
                await asyncio.sleep(1)
                served.process.signal(signal.SIGTERM)
                await ended(served.process, served.database)
        listed = await served.value("SELECT array_agg(code) FROM facilities WHERE code LIKE 'load-%'")
        acknowledged = {code for code, one in done.items() if one.status == 201}
        assert acknowledged == set(listed), "what was done was answered, and what was answered was done"
    assert {one.status for one in done.values()} <= {201, 503}
    assert sum(one.status == 201 for one in done.values()) > 30


FACILITIES: Final = 150
TIMES: Final = 16
"""How often each facility is said to have changed: more than the first ones can hear of."""
ROUNDS: Final = 4
"""How often workers are started; the last ones may finish."""


async def test_workers_that_come_and_go_with_much_to_do_lose_nothing(
    database: Callable[[str], str], kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    await asyncio.to_thread(create_topics)
    addresses = {service: database(service) for service in ("scheduling", "referral")}
    streams = [new_id() for _ in range(FACILITIES)]
    await say(addresses["scheduling"], streams)
    heard = 0
    for number in range(ROUNDS):
        with ExitStack() as stack:
            workers = {}
            for service, address in addresses.items():
                given = environment(
                    **{f"database_{service}": address, "kafka": kafka, "instance": service, "profile": "development"}
                )
                (folder := tmp_path / f"{service}-{number}").mkdir()
                workers[service] = stack.enter_context(running(f"{service}.worker", given, folder))
            for process in workers.values():
                await asyncio.to_thread(process.ready)
            async with asyncio.timeout(60):
                enough = min(heard + 1, FACILITIES * TIMES) if number < ROUNDS - 1 else FACILITIES * TIMES
                while (heard := await hear(addresses["referral"], streams)) < enough:
                    await asyncio.sleep(0.02)
            for process in workers.values():
                process.signal(signal.SIGTERM)
            for service, process in workers.items():
                await ended(process, addresses[service], service)
        heard = await hear(addresses["referral"], streams)
        assert number > 0 or heard < FACILITIES * TIMES, "they were to end while there was much to do"
    assert heard == FACILITIES * TIMES


async def test_a_worker_that_waits_for_a_lock_ends_too(
    database: Callable[[str], str], kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    await asyncio.to_thread(create_topics)
    address = database("scheduling")
    given = environment(database_scheduling=address, kafka=kafka, instance=INSTANCE, profile="development")
    connection = await asyncpg.connect(address)
    try:
        with running("scheduling.worker", given, tmp_path) as process:
            await asyncio.to_thread(process.ready)
            async with connection.transaction():
                await connection.execute("LOCK TABLE backbone.cursors, backbone.deadlines IN ACCESS EXCLUSIVE MODE")
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'backbone.cursors'::regclass"
                async with asyncio.timeout(30):
                    while not await connection.fetchval(waits):
                        await asyncio.sleep(0.05)
                process.signal(signal.SIGTERM)
                await ended(process, address)
    finally:
        await connection.close()


async def test_a_worker_whose_broker_hangs_ends_too(
    database: Callable[[str], str], kafka: str, broker: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    await asyncio.to_thread(create_topics)
    address = database("scheduling")
    given = environment(database_scheduling=address, kafka=kafka, instance=INSTANCE, profile="development")
    with running("scheduling.worker", given, tmp_path) as process:
        await asyncio.to_thread(process.until, lambda answer: answer.json() == {"status": "ready"})
        broker.hold()
        try:
            await say(address, [new_id() for _ in range(10)])
            await asyncio.sleep(1)
            process.signal(signal.SIGTERM)
            await ended(process, address)
        finally:
            broker.release()


async def say(address: str, streams: list[UUID]) -> None:
    """Let the directory say something of each of these facilities, again and again."""
    database = Database(address)
    try:
        for _ in range(TIMES):
            async with database.unit_of_work(actor=SOMEBODY, cause="request:test") as uow:
                await uow.lock(*streams)
                for stream in streams:
                    uow.say(stream, listed(stream, f"code-{stream}"))
    finally:
        await database.close()


async def hear(address: str, streams: list[UUID]) -> int:
    """How much of it had an effect."""
    connection = await asyncpg.connect(address)
    try:
        query = "SELECT coalesce(sum(seq), 0) FROM backbone.heard WHERE stream = ANY($1)"
        return int(await connection.fetchval(query, streams))
    finally:
        await connection.close()
