"""A whole installation to break: its own PostgreSQL, Kafka, APIs and workers, each started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import asyncpg

from stack import postgres
from stack.assembly import assemble
from stack.child import Child
from stack.folder import DataFolder
from stack.plan import CHECKOUT, Plan
from stack.ports import SERVICES, Ports
from stack.report import Report
from stack.supervisor import Supervisor, Watched
from tests.support.processes import environment
from tests.support.servers import PLACE, PREFIX
from tests.support.standins import alive, free_span

PROCESSES: Final = tuple(f"{service}-{kind}" for service in SERVICES for kind in ("api", "worker"))
PATIENCE: Final = 90.0
CARRIED: Final = ("lags", "offsets", "cursors")
"""Tables that say where things stand, not what happened."""


class Installation:
    """Reliefpath as the local stack runs it, with a supervisor that never gives up."""

    def __init__(self, folder: Path, brokers: int = 1) -> None:
        self.plan = Plan(environment(), CHECKOUT, DataFolder(folder), Ports(free_span()), brokers)
        self._supervisor = Supervisor(self.plan.folder.logs, most_deaths=10_000, within=5.0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(ready := threading.Event(),), daemon=True)
        self._failure: BaseException | None = None
        # The thread that starts a process must outlive it: the kernel ends the children of a thread that is gone.
        self._thread.start()
        ready.wait(240)
        if self._failure is not None:
            raise self._failure

    @property
    def databases(self) -> dict[str, str]:
        """The database address of each service."""
        planned = {one.process.name: one.process.environment for one in self._supervisor.watched}
        return {one: planned[f"{one}-api"][f"RELIEFPATH_DATABASE_{one.upper()}"] for one in SERVICES}

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each API answers."""
        return self.plan.addresses

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap addresses."""
        return self.plan.kafka

    @property
    def brokers(self) -> list[str]:
        """The names of Kafka's nodes, in the order of their ids from 1."""
        return ["kafka", *(f"kafka-{node}" for node in range(2, self.plan.brokers + 1))]

    def child(self, name: str) -> Child:
        """A running process of the installation, by its name."""
        return self._watched(name).child

    def kill(self, name: str) -> None:
        """End a process, and everything it started, as a power cut would."""
        self.child(name).kill()

    def hold(self, name: str) -> None:
        """Let a process stand still (SIGSTOP)."""
        os.kill(self.child(name).pid, signal.SIGSTOP)

    def release(self, name: str) -> None:
        """Let it go on."""
        os.kill(self.child(name).pid, signal.SIGCONT)

    def hold_back(self, name: str, seconds: float) -> None:
        """End a process, and start it again after so many seconds at the earliest; for ever until `bring_back`."""
        watched = self._watched(name)
        watched.restart_at = time.monotonic() + seconds
        watched.child.kill()

    def bring_back(self, name: str) -> None:
        """Start what is held back now."""
        self._watched(name).restart_at = time.monotonic()

    async def ready(self, *names: str) -> None:
        """Wait until every process runs and answers. Raises TimeoutError."""
        wanted = names or tuple(one.process.name for one in self._supervisor.watched)
        async with asyncio.timeout(PATIENCE):
            for name in wanted:
                while not await self._answers(self._watched(name)):
                    await asyncio.sleep(0.1)

    async def another_worker(self, service: str, number: int) -> Child:
        """One more worker of a service, that nobody starts again; the caller ends it."""
        first = self._watched(f"{service}-worker").process
        given = {**first.environment, "RELIEFPATH_INSTANCE": f"{service}-worker-{number}", "RELIEFPATH_HTTP_PORT": "0"}
        process = dataclasses.replace(first, name=f"{service}-worker-{number}", environment=given, port=None)
        return Child(process, self.plan.folder.logs)

    async def rows(self, service: str) -> dict[str, str]:
        """A digest of every table of a service that says what happened."""
        connection = await asyncpg.connect(self.databases[service], timeout=10)
        try:
            tables = await connection.fetch(
                "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('public', 'backbone')"
                " AND tablename <> ALL($1)",
                CARRIED,
            )
            digest = "SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM {} t"
            return {name: await connection.fetchval(digest.format(name)) for (name,) in tables}
        finally:
            await connection.close()

    async def rebuilt(self, service: str) -> str:
        """Build a service's read models anew from the topics; what differs from those in use, or nothing."""
        name = f"{service}_rebuilt"
        found, home = postgres.locate(self.plan.folder.postgres, self.plan.folder.refuge, lambda _: None)
        cluster = postgres.PostgreSQL(found, home, self.plan.ports.postgres)
        connection = await asyncpg.connect(cluster.address("postgres"), timeout=10)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{service}"')
        finally:
            await connection.close()
        building = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "backbone.rebuild", service,
            "--into", f"{self.databases[service].rpartition('/')[0]}/{name}",
            env=self._watched(f"{service}-worker").process.environment, cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(600):
            said, _ = await building.communicate()
        return "" if building.returncode == 0 else said.decode()

    def close(self) -> None:
        """Stop everything."""
        self._stopping.set()
        self._thread.join(60)

    async def _answers(self, watched: Watched) -> bool:
        return watched.child.running and alive(watched.child.pid) and await watched.answers()

    def _watched(self, name: str) -> Watched:
        return next(one for one in self._supervisor.watched if one.process.name == name)

    def _live(self, ready: threading.Event) -> None:
        asyncio.run(self._keep_up(ready))

    async def _keep_up(self, ready: threading.Event) -> None:
        with (self.plan.folder.path / "report.txt").open("w") as told:
            try:
                await assemble(self.plan, self._supervisor, Report(told))
                watching = asyncio.create_task(self._supervisor.watch(lambda *_: None))
                ready.set()
                while not self._stopping.is_set():
                    await asyncio.sleep(0.1)
                watching.cancel()
            except BaseException as failure:
                self._failure = failure
            finally:
                ready.set()
                await self._supervisor.stop()


@contextlib.contextmanager
def temporary(brokers: int = 1) -> Iterator[Installation]:
    """An installation in a folder of its own, gone afterwards with all it holds."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}faults-", dir=PLACE))
    folder.chmod(0o755)  # the account that runs PostgreSQL must get through
    try:
        running = Installation(folder, brokers)
        try:
            yield running
        finally:
            running.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
