"""One API or worker as a process of its own, that a test may ask, signal and kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2

from stack.child import leash
from stack.keys import Keys
from stack.ports import free_ports
from tests.support.servers import finish

PATIENCE: Final = 60.0

AT_ONCE: Final = 10.0
"""Seconds in which a process has to end once it is told to."""


def environment(**settings: object) -> dict[str, str]:
    """The environment of a process with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RELIEFPATH_")}
    return inherited | {f"RELIEFPATH_{name.upper()}": str(value) for name, value in settings.items()}


def api(keys: Keys, **settings: object) -> dict[str, str]:
    """The environment of an API in a development profile."""
    usual: dict[str, object] = {"profile": "development", "issuer": keys.issuer, "jwks": keys.jwks}
    return environment(**{**usual, **settings})


class Running:
    """A process that runs, and the port it answers on."""

    def __init__(self, module: str, given: dict[str, str], logs: Path) -> None:
        (self.port,) = free_ports(1)
        self._logs = logs
        with logs.open("w") as told:
            self._child = subprocess.Popen(
                [sys.executable, "-m", module],
                env={**given, "RELIEFPATH_HTTP_PORT": str(self.port)},
                stdout=told,
                stderr=told,
                start_new_session=True,
                preexec_fn=leash(signal.SIGKILL),
            )

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def most_memory(self) -> float:
        """The most it ever held in memory, in MB."""
        told = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(told.partition("VmHWM:")[2].split()[0]) / 1000

    def get(self, path: str) -> httpx2.Response:
        """What it answers."""
        return httpx2.get(self.address + path, timeout=10)

    def until(self, holds: Callable[[httpx2.Response], bool], path: str = "/readyz") -> httpx2.Response:
        """Wait until its answer is as wanted."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self._child.poll() is None, self._logs.read_text()
            assert time.monotonic() < deadline, self._logs.read_text()
            try:
                answer = self.get(path)
            except httpx2.TransportError:
                pass
            else:
                if holds(answer):
                    return answer
            time.sleep(0.1)

    def ready(self) -> None:
        """Wait until it is ready."""
        self.until(lambda answer: answer.status_code == 200)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def ended(self) -> int:
        """Wait until it has ended by itself."""
        return self._child.wait(PATIENCE)

    def terminate(self) -> tuple[int, float]:
        """Ask it to end: how it ended, and after how many seconds."""
        started = time.monotonic()
        self._child.terminate()
        return self._child.wait(PATIENCE), time.monotonic() - started

    @property
    def group_is_gone(self) -> bool:
        """Whether neither it nor any child of its is left."""
        try:
            os.killpg(self._child.pid, 0)
        except ProcessLookupError:
            return True
        return False

    @property
    def told(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [json.loads(line) for line in self._logs.read_text().splitlines()]

    def kill(self) -> None:
        """Leave nothing of it."""
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


@contextmanager
def running(module: str, given: dict[str, str], folder: Path) -> Iterator[Running]:
    """This module as a process."""
    started = Running(module, given, folder / f"{module}.log")
    try:
        yield started
    finally:
        started.kill()


def refusal(module: str, given: dict[str, str]) -> str:
    """What a process says that must not start; it has to be one sentence, and all that it says."""
    done = subprocess.run([sys.executable, "-m", module], env=given, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert not line.startswith("{")
    return line


def connections(address: str, instance: str, state: str = "%") -> int:
    """How many connections of a process the database sees, all or in a state (LIKE)."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE $2"
    return int(finish(_value(address, query, instance, state)))


async def _value(address: str, query: str, *given: object) -> Any:
    connection = await asyncpg.connect(address)
    try:
        return await connection.fetchval(query, *given)
    finally:
        await connection.close()
