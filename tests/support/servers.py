"""The tests' own PostgreSQL and Kafka: real servers on free ports, started when a test first asks for them.

They are those of the local stack, by its launchers, in a folder of their own: tests run beside a stack, and as root.
A run that is killed leaves no process behind; the next one sweeps up its folder. RELIEFPATH_TEST_WITH=docker takes
containers instead (`containers.py`).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from stack.child import Child, Process
from stack.failure import Failure
from stack.folder import DataFolder
from stack.kafka import Kafka, jars, pinned_version, require_java
from stack.plan import CHECKOUT
from stack.ports import free_ports
from stack.postgres import PostgreSQL, locate
from stack.supervisor import GRACE, Answers, Supervisor

PLACE: Final = Path("/var/tmp")
PREFIX: Final = "reliefpath-tests-"
PATIENCE: Final = 60.0

Result = TypeVar("Result")


def finish(work: Coroutine[Any, Any, Result]) -> Result:
    """Run asynchronous work to its end, also from plain code that a running event loop has called."""

    def run() -> Result:
        loop = asyncio.new_event_loop()  # not asyncio.run: it would unset the loop that pytest-asyncio set
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()

    if asyncio._get_running_loop() is None:
        return run()
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(run).result()


class Server(Protocol):
    """One running server, that a test may kill and start again."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""

    async def kill(self) -> None:
        """End it as a power cut would."""

    async def start(self) -> None:
        """Start it again on the same data if it does not run, and wait until it answers."""

    async def stop(self) -> None:
        """End it gently."""

    def hold(self) -> None:
        """Let it stand still."""

    def release(self) -> None:
        """Let it go on."""


class Cluster(Protocol):
    """A PostgreSQL as tests use it."""

    async def provide(self, services: Iterable[str]) -> dict[str, str]:
        """A role and a database of its own for each service; their addresses by service."""

    def address(self, database: str, role: str = ..., password: str | None = None) -> str:
        """Where a database is reached, by default as the superuser."""


class Broker(Protocol):
    """A Kafka as tests use it."""

    @property
    def address(self) -> str:
        """What a client needs (bootstrap servers)."""

    @property
    def port(self) -> int:
        """Where it listens to clients on this machine."""

    async def answers(self) -> bool:
        """Whether it names itself as a live broker now."""


async def until_it_answers(name: str, answers: Answers, running: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait until a server answers. Raises Failure, with its last lines, when it has ended or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not await answers():
        if not running() or time.monotonic() > deadline:
            raise Failure(f"The tests' {name} does not answer:\n{told()}")
        await asyncio.sleep(0.03)


class ServerProcess:
    """A server of the local stack."""

    def __init__(self, process: Process, answers: Answers, logs: Path) -> None:
        self._process, self._answers, self._logs = process, answers, logs
        self.child = Child(process, logs)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.child.running

    async def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.child.pid, signal.SIGKILL)
        await self.child.ended(10)

    async def start(self) -> None:
        """Start it again on the same data if it does not run, and wait until it answers."""
        if not self.child.running:
            self.child = Child(self._process, self._logs)
        await until_it_answers(self._process.name, self._answers, lambda: self.running, self.child.last_lines)

    async def stop(self) -> None:
        """End it gently."""
        await self.child.stop(GRACE)

    def hold(self) -> None:
        """Let it stand still."""
        os.kill(self.child.pid, signal.SIGSTOP)

    def release(self) -> None:
        """Let it go on."""
        os.kill(self.child.pid, signal.SIGCONT)


class Servers:
    """Both servers of one test run (of one worker of it), each started when it is first asked for."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
        self.folder.chmod(0o755)  # the account that runs PostgreSQL must get through
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._supervisor = Supervisor(self.folder / "logs")
        self._running: list[Server] = []

    @cached_property
    def postgres(self) -> tuple[Cluster, Server]:
        """The cluster, and the server that runs it; not durable unless asked, as tests lose nothing by a power cut."""
        refuge = DataFolder.of({}, CHECKOUT).refuge
        installation, home = locate(self.folder / "postgres", refuge, lambda _: None)
        cluster = PostgreSQL(installation, home, free_ports(1)[0], durable=self._durable)
        finish(cluster.prepare(self._supervisor.once, "tests"))
        return cluster, self._run(ServerProcess(cluster.process(), cluster.answers, self.folder / "logs"))

    @cached_property
    def kafka(self) -> tuple[Broker, Server]:
        """The broker and the server that runs it."""
        return self.another_kafka("kafka")

    def another_kafka(self, name: str) -> tuple[Broker, Server]:
        """A broker besides, with topics of its own, in a folder of this name."""
        java = require_java(os.environ)
        pom = CHECKOUT / "deploy" / "kafka" / "pom.xml"
        fetched = finish(jars(pom, CHECKOUT / ".kafka", self._supervisor.once, os.environ, print))
        port, controller = free_ports(2)
        broker = Kafka(java, fetched, self.folder / name, port, controller)
        finish(broker.prepare(self._supervisor.once, pinned_version(pom)))
        return broker, self._run(ServerProcess(broker.process(), broker.answers, self.folder / "logs"))

    def close(self) -> None:
        """Stop what was started and remove its data."""
        for server in self._running:
            finish(server.stop())
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, server: Server) -> Server:
        self._running.append(server)
        finish(server.start())
        return server


def _sweep() -> None:
    """Remove the folders of runs that were killed; a folder whose lock is free has no run."""
    for left in PLACE.glob(f"{PREFIX}*"):
        try:
            with (left / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue
