"""Tiny processes in the place of services, for tests of what starts, watches and stops processes."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stack.child import Process, leash
from stack.commands import run
from stack.folder import DataFolder, State
from stack.plan import CHECKOUT, Plan
from stack.ports import SERVICES, SPAN, Ports, free_ports, is_free

READY = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
"""Answers /readyz until it is asked to end."""


def ready(name: str, port: int) -> Process:
    """A stand-in that becomes ready and stays."""
    return python(name, READY, str(port), port=port)


def python(name: str, program: str, *arguments: str, port: int | None = None) -> Process:
    """A stand-in that does what the program says."""
    command = (sys.executable, "-S", "-c", program, *arguments)
    return Process(name, command, dict(os.environ), Path("/"), port, tells_readiness=bool(port))


def alive(pid: int) -> bool:
    """Whether a process of this number runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True)
class StandInPlan(Plan):
    """A plan whose servers are given and whose services are stand-ins, for tests of how a stack lives."""

    broken: str = ""
    """The name of the process that fails, or nothing."""

    @classmethod
    def beside(cls, folder: Path, **environ: str) -> Self:
        """A plan on free ports with its data in this folder."""
        given = {f"RELIEFPATH_DATABASE_{service.upper()}": "postgresql://given/none" for service in SERVICES}
        base = free_span()
        asked = {**os.environ, **given, "RELIEFPATH_KAFKA": "given:9092", "RELIEFPATH_PORT": str(base), **environ}
        return cls(asked, CHECKOUT, DataFolder(folder), Ports(base))

    def demo(self) -> Process:
        return python(
            "demo", "print('25 patients went the whole way')" if self.broken != "demo" else "raise SystemExit(3)"
        )

    def directory(self) -> Process:
        return self._passing("directory")

    def topics(self) -> Process:
        return self._passing("topics")

    def migrations(self, databases: Mapping[str, str]) -> list[Process]:
        return [self._passing(f"{service}-migrations") for service in databases]

    def processes(self, databases: Mapping[str, str]) -> list[Process]:
        planned = super().processes(databases)
        return [
            python(process.name, "raise SystemExit('no table')")
            if process.name == self.broken
            else ready(process.name, process.port or 0)
            for process in planned
        ]

    def _passing(self, name: str) -> Process:
        return python(name, "raise SystemExit('refused')" if name == self.broken else "pass")


class StandInStack:
    """A stack of stand-ins in a process of its own, that a test may signal as a terminal would."""

    def __init__(self, folder: Path, broken: str = "") -> None:
        self.plan = dataclasses.replace(StandInPlan.beside(folder), broken=broken)
        command = [sys.executable, "-m", "tests.support.standins", str(folder), str(self.plan.ports.base), broken]
        tied = leash(signal.SIGTERM)  # a test that fails leaves it to the end of the run, not beyond
        self._popen = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, preexec_fn=tied)

    def ready(self) -> State:
        """Wait until everything is up; what runs."""
        while not ((state := self.plan.folder.state()) and state.ready):
            assert self._popen.poll() is None
            time.sleep(0.05)
        return state

    def told(self, words: str) -> str:
        """What it says until these words come."""
        assert self._popen.stdout is not None
        said = ""
        while words not in said:
            line = self._popen.stdout.readline()
            assert line, said
            said += line
        return said

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Wait for its end: its exit code and the rest of what it said."""
        said, _ = self._popen.communicate()
        return self._popen.returncode, said


def free_span() -> int:
    """A base port from which on all ports of a stack are free."""
    while True:
        base = free_ports(1)[0]
        if all(is_free(port) for port in range(base, base + SPAN)):
            return base


if __name__ == "__main__":
    where, at, what_fails = sys.argv[1:4]
    asked = StandInPlan.beside(Path(where))
    sys.exit(run(dataclasses.replace(asked, ports=Ports(int(at)), broken=what_fails)))
