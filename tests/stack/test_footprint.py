"""How much a stack takes of its machine."""

from __future__ import annotations

import os
from pathlib import Path

from stack.child import Child
from stack.footprint import Footprint, footprint
from tests.support.standins import python


async def test_a_footprint_counts_what_a_process_started(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys; print('up', flush=True)\n"
        "subprocess.run([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
    )
    parent = Child(python("parent", program), tmp_path)
    while footprint([parent.pid]).processes < 2:
        assert parent.running
    taken = footprint([parent.pid])
    await parent.stop(5)
    assert taken.processes == 2
    assert 1e6 < taken.memory < 1e9


def test_we_ourselves_take_something() -> None:
    assert footprint([os.getpid()]).memory > 10e6


def test_what_does_not_run_takes_nothing() -> None:
    assert footprint([2**22 + 1]) == Footprint(0, 0)


def test_a_footprint_reads_as_a_person_would_say_it() -> None:
    assert str(Footprint(12, 1_610_612_736)) == "12 processes, 1,536 MB"
