"""Clients that are slow, or send without end, cost neither a database connection nor memory, and hinder nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.callers import INSTANCE, POOL, Answered, Served, answered, cut_off, serving
from tests.support.processes import api, running

PATIENCE: Final = 2.0
MANY: Final = 50
MB: Final = 1_000_000
BODIES: Final = 32 * MB


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes write."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def served(database: Callable[[str], str], keys: Keys, logs: Path) -> Iterator[Served]:
    """One process with little patience."""
    with serving(database("scheduling"), keys, logs, client_timeout=PATIENCE) as one:
        yield one


@pytest.fixture(scope="module")
def intake(database: Callable[[str], str], keys: Keys, logs: Path) -> Iterator[Served]:
    """The referral API, which takes the largest bodies."""
    address = database("referral")
    settings = {"database_referral": address, "instance": INSTANCE, "intake_limit": 16 * MB, "bodies_at_once": BODIES}
    with running("referral.app", api(keys, log_level="WARNING", **settings), logs) as process:
        process.ready()
        yield Served(process, address, keys.token(Role.REFERRER, "referrer-1", ["*"]))


async def test_a_body_that_does_not_come_in_time_holds_no_connection_and_is_answered(served: Served) -> None:
    async def dawdle(number: int) -> tuple[Answered, float]:
        request = served.listing(f"dawdle-{number}")
        async with served.connected() as (reader, writer):
            started = time.monotonic()
            writer.write(request[:-30])

            async def drip() -> None:
                with suppress(OSError):
                    for byte in request[-30:]:
                        await asyncio.sleep(0.5)
                        writer.write(bytes([byte]))

            dripping = asyncio.create_task(drip())
            answer = await answered(reader)
            seconds = time.monotonic() - started
            await cut_off(reader)
            dripping.cancel()
            return answer, seconds

    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(dawdle(number)) for number in range(4 * POOL)]
        await asyncio.sleep(0.5)
        assert await served.at_work() == 0
        await served.has_its_whole_pool()
    assert [one.result()[0].problem for one in slow] == ["too-slow"] * len(slow)
    assert max(one.result()[1] for one in slow) < PATIENCE + 1.5
    assert await served.value("SELECT count(*) FROM facilities WHERE code LIKE 'dawdle-%'") == 0


@pytest.mark.parametrize("declared", [False, True])
async def test_bodies_without_end_are_refused_while_they_come_and_never_kept(intake: Served, declared: bool) -> None:
    how = f"Content-Length: {100 * MB}" if declared else "Transfer-Encoding: chunked"
    chunk = b"x" * MB if declared else b"%x\r\n" % MB + b"x" * MB + b"\r\n"
    sent: list[int] = []

    async def stream(number: int) -> Answered:
        path = "/intake?to=PAIN-CLINIC&reason_code=refractory-cancer-pain&setting=outpatient"
        head = intake.head(path, f"endless-{declared}-{number}", how).replace(b"/json", b"/fhir+json")
        async with intake.connected() as (reader, writer):
            writer.write(head)
            first = asyncio.create_task(answered(reader))
            for count in range(100):
                if first.done():
                    sent.append(count)
                    break
                with suppress(OSError):
                    writer.write(chunk)
                    await writer.drain()
                await asyncio.sleep(0)
            return await first

    before = intake.process.most_memory
    answers = await asyncio.gather(*(stream(number) for number in range(MANY)))
    grown = intake.process.most_memory - before
    assert {(one.status, one.problem) for one in answers} <= {(413, "too-large"), (503, "unavailable")}
    assert len(sent) == MANY, "each was answered before it had sent all"
    assert all("retry-after" in one.headers for one in answers if one.status == 503)
    assert grown < 4 * BODIES / MB, f"{grown:.0f} MB"
    assert (await asyncio.to_thread(intake.process.get, "/readyz")).status_code == 200
