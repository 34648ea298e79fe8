"""What a person sees while the play goes on: a bar at a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulator.play import Play

LINE_EVERY: Final = 5.0
"""Seconds between two lines where no bar can be drawn."""


class Telling(AbstractContextManager["Telling"]):
    """Tells how far the stories have come."""

    def __init__(self, console: Console, stories: int) -> None:
        self._console = console
        self._began: datetime | None = None
        self._told = time.monotonic()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("stories"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = self._bar.add_task("everybody gets ready", total=stories) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def look_on(self, play: Play, now: datetime) -> None:
        """Everybody has done what they could at this time."""
        self._began = self._began or now
        day = f"day {(now - self._began).days + 1}, {now:%d %b %Y}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=play.over, description=day)
        elif time.monotonic() - self._told > LINE_EVERY:
            self._told = time.monotonic()
            self._console.print(f"  … {day}: {play.over} of {len(play.parts)} stories have ended", highlight=False)
