"""One child process: started on a leash, logged to its own file, stopped within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from stack.failure import Failure

POLL: Final = 0.03
"""Seconds between two looks at a child."""
LARGEST_LOG: Final = 20 * 1024 * 1024
"""Bytes after which a log is set aside at the next start."""
_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """The user and group under which a child runs when it must not be root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Process:
    """What is to run: where it listens, and whether it answers /readyz there.

    The signals end it, gently or together with its parent.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    port: int | None = None
    tells_readiness: bool = False
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL


class Child:
    """A running (or ended) process.

    The kernel ends it when its parent ends, however that happens: start children from the main thread only, since
    the leash is tied to the starting thread. It has a session of its own, so Ctrl-C reaches it through us, in order.
    """

    def __init__(self, process: Process, logs: Path) -> None:
        self.process = process
        self.log = logs / f"{process.name}.log"
        self.started = time.monotonic()
        account = process.account
        with _opened(self.log) as output:
            self._written_before = output.tell()
            try:
                self._popen = subprocess.Popen(
                    process.command,
                    cwd=process.folder,
                    env=dict(process.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=[] if account else None,
                    preexec_fn=leash(process.orphan_signal),
                )
            except OSError as error:
                raise Failure(
                    f"{process.name} could not be started: {error.strerror} ({process.command[0]})."
                ) from error

    @property
    def pid(self) -> int:
        """The process id, also of its session and process group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._popen.poll()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.exit_code is None

    async def ended(self, within: float) -> bool:
        """Wait until it has ended, at most this many seconds; whether it has."""
        deadline = time.monotonic() + within
        while self.running and time.monotonic() < deadline:
            await asyncio.sleep(POLL)
        return not self.running

    async def stop(self, grace: float) -> bool:
        """End it and what it started: ask, wait at most `grace` seconds, then kill. Whether asking was enough."""
        if self.running:
            self._popen.send_signal(self.process.stop_signal)
        gently = await self.ended(grace)
        self.kill()
        await self.ended(5.0)
        return gently

    def kill(self) -> None:
        """End it and everything in its process group at once."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def last_lines(self, count: int = 12) -> str:
        """The end of what it wrote since it was started."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(self._written_before, log.tell() - 16_384))
            lines = log.read().decode(errors="replace").splitlines()
            return "\n".join(f"    {line[:400]}" for line in lines[-count:] if line.strip())
        return ""

    def last_line(self) -> str:
        """The last line it wrote since it was started, or that it wrote none."""
        return self.last_lines().rpartition("\n")[2].strip() or "it wrote nothing"

    def ending(self) -> str:
        """How it ended, for a sentence: `ended with code 1`, `was ended by SIGKILL`."""
        code = self.exit_code
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"


def leash(orphan_signal: signal.Signals) -> Callable[[], None]:
    """What a child runs before its program: the kernel shall send it this signal when its parent is gone."""
    parent = os.getpid()

    def tie() -> None:
        if _libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(127)

    return tie if sys.platform == "linux" else lambda: None


def _opened(log: Path) -> BinaryIO:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.rename(log.with_suffix(".log.1"))
    return log.open("ab")
