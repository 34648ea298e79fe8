"""One run of a stack from its first process to its last, in the foreground of a terminal or detached from it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Coroutine

from stack.assembly import assemble
from stack.child import POLL, Process, leash
from stack.failure import Failure, first_failure
from stack.folder import Part, State
from stack.footprint import footprint
from stack.plan import Plan
from stack.report import Report
from stack.supervisor import Supervisor, Watched

Then = Callable[["Session"], Coroutine[None, None, None]]
"""What a session does once everything is ready."""


class Session:
    """Holds the data folder, brings everything up, keeps it up, and takes it down on Ctrl-C, SIGTERM or SIGHUP."""

    def __init__(self, plan: Plan, command: str, report: Report) -> None:
        self.plan, self.report = plan, report
        self._supervisor = Supervisor(plan.folder.logs)
        self._state = State(os.getpid(), command, plan.ports.base, time.time(), clients=plan.client)
        self._interrupted = False
        self._running: asyncio.Task[object] | None = None

    async def run(self, then: Then) -> None:
        """Bring everything up, do `then`, and stay until interrupted. Raises Failure when that is not possible."""
        with self.plan.folder.hold(self._state.command):
            self._running = asyncio.current_task()
            self._catch_signals()
            self.plan.folder.tell(self._state)
            telling = asyncio.create_task(self.report.keep_current())
            try:
                await self._live(then)
            except asyncio.CancelledError:
                if not self._interrupted:
                    raise
            finally:
                await self._take_down()
                telling.cancel()

    def interrupt(self) -> None:
        """Take everything down in order; asked a second time, at once."""
        if self._interrupted:
            self._supervisor.kill()
        elif self._running:
            self._interrupted = True
            self._running.cancel()

    async def stay(self) -> None:
        """Show a line of status now and then, until interrupted."""
        while True:
            restarts = sum(watched.restarts for watched in self._supervisor.watched)
            up = time.strftime("%H:%M:%S", time.gmtime(time.time() - self._state.started))
            told = footprint([os.getpid()])
            line = f"running {up} · {told} · {restarts} restarts · Ctrl-C stops"
            self.report.status(line)
            await asyncio.sleep(self.report.status_every)

    async def _live(self, then: Then) -> None:
        try:
            await assemble(self.plan, self._supervisor, self.report)
            self._tell(ready=True)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._supervisor.watch(self._on_restart))
                tasks.create_task(then(self))
        except BaseExceptionGroup as group:
            failure = first_failure(group)
            if failure is None:
                raise
            raise failure from None

    async def _take_down(self) -> None:
        if not self._supervisor.watched:
            await self._supervisor.stop()
            return
        with self.report.step("stopping everything") as step:
            await self._supervisor.stop()
            step.name = "stopped everything"
            step.note = f"and kept the data in {self.plan.folder.path}"

    def _catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.interrupt)

    def _on_restart(self, watched: Watched, ending: str) -> None:
        self.report.say(f"  {watched.process.name} {ending} and was started again; see {watched.child.log}")
        self._tell(ready=True)

    def _tell(self, *, ready: bool) -> None:
        self._state.ready = ready
        self._state.parts = [
            Part(
                name=watched.process.name,
                pid=watched.child.pid,
                port=watched.process.port,
                log=str(watched.child.log),
                started=time.time() - (time.monotonic() - watched.child.started),
                restarts=watched.restarts,
                tells_readiness=watched.process.tells_readiness,
            )
            for watched in self._supervisor.watched
        ]
        self.plan.folder.tell(self._state)


async def play(process: Process) -> int:
    """Run a process with our own output, such as the demo; its exit code. Cancelled, it is ended."""
    try:
        running = subprocess.Popen(  # noqa: ASYNC220 - it returns at once, and we poll
            process.command,
            cwd=process.folder,
            env=dict(process.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=leash(process.orphan_signal),
        )
    except OSError as error:
        raise Failure(f"{process.name} could not be started: {error.strerror} ({process.command[0]}).") from error
    try:
        while running.poll() is None:
            await asyncio.sleep(POLL)
    finally:
        if running.poll() is None:
            running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(3)
            running.kill()
            running.wait()
    return running.returncode
