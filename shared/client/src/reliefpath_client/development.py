"""What a development profile shows besides its contract, in every service alike: its clock, and whether it is still.

Written by hand, as the contracts promise nothing of it: it may change with any version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypedDict

from reliefpath_client.transport import Client, Operation


class ClockShown(TypedDict):
    """The clock's time, and how far it is ahead of real time."""

    now: str
    shift_seconds: float


class Stillness(TypedDict):
    """What one service has said and heard, as numbers of events per topic, and how its deadlines stand."""

    said: dict[str, int]
    heard: dict[str, int]
    deadlines_due: int
    deadlines_failed: int
    next_deadline: str | None


class Development(Client):
    """A service of a development profile, whichever: each answers all of this."""

    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "clock": Operation("GET", "/development/clock"),
        "clock_shift": Operation("PUT", "/development/clock", takes="application/json"),
        "stillness": Operation("GET", "/development/stillness"),
    }

    async def clock(self) -> ClockShown:
        """The clock's time."""
        answer: ClockShown = await self.call("clock")
        return answer

    async def clock_shift(self, shift_seconds: float) -> ClockShown:
        """Shift the clock further ahead; it never goes back."""
        answer: ClockShown = await self.call("clock_shift", body={"shift_seconds": shift_seconds})
        return answer

    async def stillness(self) -> Stillness:
        """How much this service has said and heard by now."""
        answer: Stillness = await self.call("stillness")
        return answer
