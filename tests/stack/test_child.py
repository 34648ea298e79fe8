"""One child process on its leash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.child import LARGEST_LOG, Child, Process
from stack.failure import Failure
from tests.support.standins import alive, python


async def test_what_a_child_writes_is_in_its_own_log(tmp_path: Path) -> None:
    child = Child(python("stand-in", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), tmp_path)
    assert await child.ended(10)
    assert child.exit_code == 3
    assert child.ending() == "ended with code 3"
    assert set(child.log.read_text().split()) == {"out", "err"}
    assert set(child.last_lines().split()) == {"out", "err"}


async def test_the_last_lines_are_those_of_this_start(tmp_path: Path) -> None:
    await Child(python("stand-in", "print('yesterday')"), tmp_path).ended(10)
    child = Child(python("stand-in", "print('today')"), tmp_path)
    await child.ended(10)
    assert child.last_lines() == "    today"
    assert child.log.read_text() == "yesterday\ntoday\n"


async def test_a_child_that_listens_is_asked_to_end(tmp_path: Path) -> None:
    child = Child(python("stand-in", "import time; time.sleep(60)"), tmp_path)
    assert await child.stop(grace=5)
    assert child.ending() == "was ended by SIGTERM"


async def test_a_child_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    child = Child(python("stand-in", program), tmp_path)
    while "deaf" not in child.last_lines():
        await asyncio.sleep(0.01)
    assert not await child.stop(grace=0.2)
    assert child.ending() == "was ended by SIGKILL"


async def test_ctrl_c_at_the_terminal_reaches_a_child_only_through_us(tmp_path: Path) -> None:
    child = Child(python("stand-in", "import os; print(os.getsid(0))"), tmp_path)
    await child.ended(10)
    assert int(child.last_lines()) == child.pid != os.getsid(0)


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, os, time; from pathlib import Path; from stack.child import Child, Process\n"
        "sleep = Process('sleep', ('sleep', '60'), {'PATH': os.defpath}, Path('/'))\n"
        "print(Child(sleep, Path(sys.argv[1])).pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"stand-in could not be started: No such file or directory \(/nowhere/java\)"):
        Child(Process("stand-in", ("/nowhere/java",), {}, Path("/")), tmp_path)


async def test_a_log_that_grew_too_large_is_set_aside(tmp_path: Path) -> None:
    log = tmp_path / "stand-in.log"
    with log.open("wb") as file:
        file.truncate(LARGEST_LOG + 1)
    child = Child(python("stand-in", "print('fresh')"), tmp_path)
    await child.ended(10)
    assert log.read_text() == "fresh\n"
    assert (tmp_path / "stand-in.log.1").stat().st_size == LARGEST_LOG + 1
