"""Starts processes in order, starts again what dies, and leaves nothing running."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stack.child import POLL, Child, Process
from stack.failure import Failure
from stack.ports import HOST

MOST_DEATHS: Final = 5
WITHIN: Final = 60.0
"""So many deaths of one process in so many seconds end the stack."""
PATIENCE: Final = 180.0
"""Seconds after which a process that runs, but is not ready, counts as failed."""
GRACE: Final = 4.5
"""Seconds a process has to end by itself; two ranks of them stay within ten."""

Answers = Callable[[], Awaitable[bool]]


@dataclass
class Watched:
    """A process that shall run all the time. Higher ranks are started later and stopped first."""

    process: Process
    child: Child
    rank: int
    answers: Answers
    deaths: deque[float] = field(default_factory=deque)
    restarts: int = 0
    restart_at: float | None = None


class Supervisor:
    """Owns every process of a stack."""

    def __init__(self, logs: Path, *, most_deaths: int = MOST_DEATHS, within: float = WITHIN) -> None:
        self.watched: list[Watched] = []
        self._logs = logs
        self._passing: list[Child] = []
        self._most_deaths, self._within = most_deaths, within
        self._stopping = False

    async def once(self, process: Process) -> Child:
        """Run a process to its end; the caller judges how it ended."""
        child = self._start(process)
        self._passing.append(child)
        while child.running:
            await asyncio.sleep(POLL)
        self._passing.remove(child)
        return child

    async def must(self, process: Process, remedy: str) -> None:
        """Run a process to its end. Raises Failure with its last line unless it ended well."""
        done = await self.once(process)
        if done.exit_code != 0:
            raise Failure(f"{process.name} {done.ending()}: {remedy}: {done.last_line()} (see {done.log})")

    async def start(self, process: Process, rank: int, answers: Answers, patience: float = PATIENCE) -> None:
        """Start a process that shall stay, and wait until it is ready.

        Raises Failure when it ends before, or is not ready after `patience` seconds.
        """
        child = self._start(process)
        self.watched.append(Watched(process, child, rank, answers))
        deadline = time.monotonic() + patience
        while child.running:
            if await answers():
                return
            if time.monotonic() > deadline:
                raise Failure(
                    f"{process.name} runs but is not ready after {patience:.0f} s; "
                    f"{child.log} ends with:\n{child.last_lines()}"
                )
            await asyncio.sleep(POLL)
        raise Failure(f"{process.name} {child.ending()} while starting: {child.last_line()} (see {child.log})")

    async def watch(self, restarted: Callable[[Watched, str], None]) -> None:
        """Start again what dies, until cancelled; `restarted` is told what and why.

        Raises Failure when a process dies too often.
        """
        while not self._stopping:
            for watched in self.watched:
                self._tend(watched, restarted)
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """End everything, the highest rank first, each rank at once. Nothing runs afterwards."""
        self._stopping = True
        await asyncio.gather(*(child.stop(0.0) for child in self._passing))
        for rank in sorted({watched.rank for watched in self.watched}, reverse=True):
            children = [watched.child for watched in self.watched if watched.rank == rank]
            await asyncio.gather(*(child.stop(GRACE) for child in children))

    def kill(self) -> None:
        """End everything at once."""
        self._stopping = True
        for child in [*self._passing, *(watched.child for watched in self.watched)]:
            child.kill()

    def _start(self, process: Process) -> Child:
        if self._stopping:
            raise Failure(f"{process.name} is not started any more: the stack is stopping.")
        return Child(process, self._logs)

    def _tend(self, watched: Watched, restarted: Callable[[Watched, str], None]) -> None:
        now = time.monotonic()
        if watched.child.running:
            return
        if watched.restart_at is None:
            watched.deaths.append(now)
            while watched.deaths and watched.deaths[0] < now - self._within:
                watched.deaths.popleft()
            if len(watched.deaths) >= self._most_deaths:
                raise Failure(self._too_often(watched))
            # The first time at once; then with growing patience, so that what it needs may come back.
            watched.restart_at = now + (0.5 * 2 ** (len(watched.deaths) - 2) if len(watched.deaths) > 1 else 0.0)
        if now >= watched.restart_at:
            ending = watched.child.ending()
            watched.child = self._start(watched.process)
            watched.restarts += 1
            watched.restart_at = None
            restarted(watched, ending)

    def _too_often(self, watched: Watched) -> str:
        child = watched.child
        return (
            f"{watched.process.name} died {len(watched.deaths)} times within {self._within:.0f} s "
            f"(it {child.ending()}), so everything was stopped; {child.log} ends with:\n{child.last_lines()}"
        )


async def answers_ready(port: int) -> bool:
    """Whether the process on this port answers GET /readyz with 200 now."""
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
