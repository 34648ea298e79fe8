"""Notices what stands still although there is more to do: first a new client is tried, then the process has to end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Hashable, Iterable
from typing import Final, Generic, TypeVar

Thing = TypeVar("Thing", bound=Hashable)

BEAT: Final = 0.1
"""Seconds between two beats of a pulse."""


class StoodStill(Exception):
    """Nothing moved although there was more to do; `again` when a new client did not help."""

    def __init__(self, things: Collection[object], *, again: bool) -> None:
        self.again = again
        super().__init__(", ".join(sorted(map(str, things))))


class Watchdog(Generic[Thing]):
    """Since when each thing has stood still. `patience` is in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._moved_at: dict[Thing, float] = {}
        self._rebuilt_for: set[Thing] = set()

    def begin(self, things: Iterable[Thing]) -> None:
        """Watch these and no others, from now on. That a new client was tried for one of them is remembered."""
        self._moved_at = dict.fromkeys(things, asyncio.get_running_loop().time())

    def has_moved(self, thing: Thing) -> None:
        """It moved, or has nothing to do: it has all its time again."""
        self._moved_at[thing] = asyncio.get_running_loop().time()
        self._rebuilt_for.discard(thing)

    def rest(self, things: Iterable[Thing]) -> None:
        """These wait for others or only just began: they have all their time again. That it helped is not said."""
        self._moved_at |= dict.fromkeys(things, asyncio.get_running_loop().time())

    def check(self, waiting: Iterable[Thing]) -> None:
        """Raise StoodStill when one of these, all of which have something to do, has not moved for too long."""
        now = asyncio.get_running_loop().time()
        still = {thing for thing in waiting if now - self._moved_at.setdefault(thing, now) > self._patience}
        if still:
            again = bool(still & self._rebuilt_for)
            self._rebuilt_for |= still
            self._moved_at |= dict.fromkeys(still, now)
            raise StoodStill(still, again=again)


class Pulse:
    """Notices pauses of this process: for so many seconds nothing of it ran, though something was due."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due, self._has_paused = math.inf, False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Beat from now on. What was before is no pause."""
        self.end()
        self._due, self._has_paused = math.inf, False
        self._beat()

    def end(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()

    def has_paused(self) -> bool:
        """Whether there was a pause since this was asked last."""
        self._notice()
        found, self._has_paused = self._has_paused, False
        return found

    def _beat(self) -> None:
        self._notice()
        loop = asyncio.get_running_loop()
        self._due = loop.time() + BEAT
        self._timer = loop.call_at(self._due, self._beat)

    def _notice(self) -> None:
        """A beat that is overdue tells of a pause, also when what asks runs before it."""
        now = asyncio.get_running_loop().time()
        if now - self._due >= self._seconds:
            self._has_paused, self._due = True, now
