"""One run of a stack, from its first process to its last."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
import signal
import time
from pathlib import Path

import pytest

from stack.failure import Failure
from stack.plan import Plan
from stack.report import Report
from stack.session import Session, play
from tests.support.standins import StandInPlan, StandInStack, alive, python


async def test_a_stack_that_is_interrupted_stops_everything_and_says_so(tmp_path: Path) -> None:
    plan, stream = StandInPlan.beside(tmp_path / "var"), io.StringIO()
    seen: list[int] = []

    async def then(session: Session) -> None:
        state = plan.folder.state()
        assert state is not None
        assert state.ready
        seen.extend(part.pid for part in state.parts)
        assert all(alive(pid) for pid in seen)
        session.interrupt()
        await session.stay()

    began = time.monotonic()
    await Session(plan, "run", Report(stream)).run(then)
    assert time.monotonic() - began < 20
    assert len(seen) == 8
    assert not any(alive(pid) for pid in seen)
    assert plan.folder.state() is None
    assert f"stopped everything and kept the data in {plan.folder.path}" in stream.getvalue()


async def test_an_interrupt_while_starting_leaves_nothing_running(tmp_path: Path) -> None:
    plan, stream = StandInPlan.beside(tmp_path / "var"), io.StringIO()

    async def never(_: Session) -> None:
        raise AssertionError

    session = Session(plan, "run", Report(stream))
    asyncio.get_running_loop().call_later(0.3, session.interrupt)
    await session.run(never)
    assert not any(watched.child.running for watched in session._supervisor.watched)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_a_stop_and_a_closed_terminal_end_it_alike(tmp_path: Path, number: signal.Signals) -> None:
    running = StandInStack(tmp_path / "var")
    state = running.ready()
    running.signal(number)
    code, said = running.ended()
    assert code == 0
    assert "stopped everything" in said
    assert not any(alive(part.pid) for part in state.parts)


async def test_a_process_that_dies_is_started_again_and_the_terminal_is_told(tmp_path: Path) -> None:
    plan, stream = StandInPlan.beside(tmp_path / "var"), io.StringIO()

    async def then(session: Session) -> None:
        state = plan.folder.state()
        assert state is not None
        victim = state.parts[0]
        os.kill(victim.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while not (now := plan.folder.state()) or now.parts[0].restarts == 0:
                await asyncio.sleep(0.05)
        assert now.parts[0].pid != victim.pid
        session.interrupt()
        await asyncio.sleep(60)

    await Session(plan, "run", Report(stream)).run(then)
    assert "was ended by SIGKILL and was started again; see " in stream.getvalue()


async def test_a_stack_that_cannot_start_says_one_sentence_and_stops_what_it_started(tmp_path: Path) -> None:
    plan = dataclasses.replace(StandInPlan.beside(tmp_path / "var"), broken="operations-worker")
    session = Session(plan, "run", Report(io.StringIO()))

    async def never(_: Session) -> None:
        raise AssertionError

    with pytest.raises(Failure, match="operations-worker ended with code 1 while starting"):
        await session.run(never)
    assert not any(watched.child.running for watched in session._supervisor.watched)
    assert not plan.folder.is_held()


async def test_a_directory_that_cannot_be_listed_is_told_in_a_sentence_and_the_stack_runs(tmp_path: Path) -> None:
    plan, stream = dataclasses.replace(StandInPlan.beside(tmp_path / "var"), broken="directory"), io.StringIO()

    async def then(_: Session) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    await Session(plan, "up", Report(stream)).run(then)
    told = stream.getvalue()
    assert "The demonstration's facilities are not listed: refused (see " in told
    assert "everything is ready" in told


async def test_a_second_stack_in_the_same_folder_is_refused_before_anything_runs(tmp_path: Path) -> None:
    plan = StandInPlan.beside(tmp_path / "var")
    with plan.folder.hold("up"):
        session = Session(plan, "run", Report(io.StringIO()))
        with pytest.raises(Failure, match="already runs"):
            await session.run(Session.stay)
    assert session._supervisor.watched == []


async def test_the_status_line_tells_how_long_how_much_and_how_to_stop(tmp_path: Path) -> None:
    stream = io.StringIO()
    session = Session(Plan.of({"RELIEFPATH_DATA": str(tmp_path)}), "run", Report(stream))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(session.stay(), 0.5)
    assert stream.getvalue().startswith("  running 00:00:0")
    assert "processes" in stream.getvalue()
    assert "0 restarts · Ctrl-C stops" in stream.getvalue()


async def test_the_demo_speaks_on_our_own_output_and_its_outcome_is_known(capfd: pytest.CaptureFixture[str]) -> None:
    assert await play(python("demo", "print('25 patients'); raise SystemExit(4)")) == 4
    assert capfd.readouterr().out == "25 patients\n"


async def test_a_demo_that_is_interrupted_ends(capfd: pytest.CaptureFixture[str]) -> None:
    playing = asyncio.create_task(
        play(python("demo", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"))
    )
    told = ""
    while not told.strip():
        await asyncio.sleep(0.05)
        told += capfd.readouterr().out
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert not alive(int(told))


async def test_a_demo_that_cannot_be_started_is_named() -> None:
    missing = dataclasses.replace(python("demo", ""), command=("/nowhere/simulator",))
    with pytest.raises(Failure, match="demo could not be started"):
        await play(missing)
