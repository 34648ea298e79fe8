"""What starts, watches and stops processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.failure import Failure
from stack.ports import free_ports
from stack.supervisor import Supervisor, Watched, answers_ready
from tests.support.standins import alive, python, ready


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "logs", most_deaths=3, within=30.0)
    yield made
    await made.stop()


async def start(supervisor: Supervisor, name: str, rank: int = 0) -> Watched:
    port = free_ports(1)[0]
    await supervisor.start(ready(name, port), rank, lambda: answers_ready(port), patience=20)
    return supervisor.watched[-1]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def test_a_process_is_started_when_it_is_ready(supervisor: Supervisor) -> None:
    watched = await start(supervisor, "api")
    assert watched.child.running
    assert await answers_ready(watched.process.port or 0)


async def test_nothing_answers_where_nothing_listens() -> None:
    assert not await answers_ready(free_ports(1)[0])


async def test_a_process_that_dies_while_starting_fails_the_start_with_its_last_words(supervisor: Supervisor) -> None:
    dying = python("referral-api", "import sys; print('Traceback'); print('no such table'); sys.exit(2)")
    wanted = r"^referral-api ended with code 2 while starting: no such table \(see .*/referral-api.log\)$"
    with pytest.raises(Failure, match=wanted):
        await supervisor.start(dying, 0, no)


async def test_a_process_that_is_never_ready_fails_the_start(supervisor: Supervisor) -> None:
    waiting = python("worker", "import time; print('waiting for Kafka', flush=True); time.sleep(60)")
    with pytest.raises(Failure, match=r"(?s)worker runs but is not ready after 0 s.*waiting for Kafka"):
        await supervisor.start(waiting, 0, no, patience=0.4)


async def test_a_passing_process_must_end_well(supervisor: Supervisor) -> None:
    await supervisor.must(python("topics", "pass"), "no topics")
    with pytest.raises(Failure, match=r"^topics ended with code 1: no topics: refused \(see .*/topics.log\)$"):
        await supervisor.must(python("topics", "raise SystemExit('refused')"), "no topics")


async def test_a_process_that_dies_is_started_again_and_told_of(supervisor: Supervisor) -> None:
    watched = await start(supervisor, "api")
    first, told = watched.child.pid, asyncio.Event()
    watching = asyncio.create_task(supervisor.watch(lambda *_: told.set()))
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        await told.wait()
        while not await answers_ready(watched.process.port or 0):
            await asyncio.sleep(0.05)
    watching.cancel()
    assert watched.child.pid != first
    assert watched.restarts == 1


async def test_a_process_that_dies_again_and_again_ends_the_stack_with_one_sentence(supervisor: Supervisor) -> None:
    await supervisor.start(python("relay", "print('poisoned'); raise SystemExit(7)"), 0, yes)
    endings: list[str] = []
    with pytest.raises(Failure) as stopped:
        await asyncio.wait_for(supervisor.watch(lambda _, ending: endings.append(ending)), 20)
    assert endings == ["ended with code 7"] * 2
    assert "relay died 3 times within 30 s (it ended with code 7), so everything was stopped" in str(stopped.value)
    assert "poisoned" in str(stopped.value)


async def test_stopping_ends_the_services_before_their_servers(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n    open(sys.argv[1], 'a').write(sys.argv[2] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('on', flush=True); time.sleep(60)\n"
    )
    for name, rank in (("server", 0), ("service", 1)):
        await supervisor.start(python(name, program, str(order), name), rank, yes)
        while "on" not in supervisor.watched[-1].child.last_lines():
            await asyncio.sleep(0.02)
    await supervisor.stop()
    assert order.read_text().split() == ["service", "server"]
    assert not any(alive(watched.child.pid) for watched in supervisor.watched)


async def test_stopping_while_something_is_being_prepared_leaves_nothing(supervisor: Supervisor) -> None:
    preparing = asyncio.create_task(supervisor.once(python("initdb", "import time; time.sleep(60)")))
    await asyncio.sleep(0.2)
    passing = supervisor._passing[0]
    await supervisor.stop()
    with contextlib.suppress(asyncio.CancelledError):
        preparing.cancel()
        await preparing
    assert await passing.ended(5)


async def test_nothing_is_started_any_more_once_the_stack_stops(supervisor: Supervisor) -> None:
    await supervisor.stop()
    with pytest.raises(Failure, match="the stack is stopping"):
        await supervisor.start(python("late", "pass"), 0, yes)
