"""What a person at the terminal is told while they wait: one line per finished step, and what is still going on."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TextIO

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_EVERY: Final = 5.0
"""Seconds between two lines about a step that still goes on, where no line can be rewritten."""


@dataclass
class Step:
    """Something that takes its time. `note` says what it is about, or in the end what came of it."""

    name: str
    note: str = ""
    began: float = field(default_factory=time.monotonic)
    told: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.monotonic() - self.began


class Report:
    """Writes to a terminal with a rewritten last line, or plainly line by line to anything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._steps: list[Step] = []
        self._line = self._status = ""
        self._beat = 0

    def say(self, sentence: str = "") -> None:
        """A line that stays."""
        self._clear()
        self._write(sentence + "\n")

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show that something goes on, and when it has gone well one line about it."""
        step = Step(name)
        self._steps.append(step)
        try:
            yield step
        finally:
            self._steps.remove(step)
        self.say(f"  {step.name}{f' {step.note}' if step.note else ''} ({step.seconds:.1f} s)")

    async def keep_current(self) -> None:
        """Show what goes on, until cancelled."""
        try:
            while True:
                await asyncio.sleep(0.1 if self._live else 0.25)
                self._beat += 1
                if self._live:
                    self._show(self._going_on() or self._status)
                else:
                    self._tell_patiently()
        finally:
            self._clear()

    @property
    def status_every(self) -> float:
        """Seconds between two lines of status: a terminal rewrites its line, a file would fill."""
        return 2.0 if self._live else 60.0

    def status(self, line: str) -> None:
        """How things stand, in a line that the next one replaces where it can."""
        if self._live:
            self._status = f"  {line}"
        else:
            self.say(f"  {line}")

    def _show(self, line: str) -> None:
        if line != self._line:
            self._clear()
            self._line = line
            # A line that wraps could not be rewritten.
            self._write(line[: shutil.get_terminal_size().columns - 1])

    def _going_on(self) -> str:
        if not self._steps:
            return ""
        told = " · ".join(
            f"{step.name}{f': {step.note}' if step.note else ''} {step.seconds:.0f} s" for step in self._steps
        )
        return f"  {SPINNER[self._beat % len(SPINNER)]} {told}"

    def _tell_patiently(self) -> None:
        for step in self._steps:
            due = step.told + PLAIN_EVERY if step.told else step.began + 1.0
            if time.monotonic() > due:
                step.told = time.monotonic()
                self.say(f"  … {step.name}{f': {step.note}' if step.note else ''} ({step.seconds:.0f} s)")

    def _clear(self) -> None:
        if self._line:
            self._line = ""
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        # A terminal that went away must not end what it was watching.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
