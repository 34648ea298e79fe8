"""The one clock: it goes forward in all services together, and only when everything said has taken effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from reliefpath_client import every
from reliefpath_client.development import Stillness as Shown
from simulator.people import Person

PATIENCE: Final = 60.0
"""Seconds within which everything said has to take effect."""
PAUSE: Final = 0.08
"""Seconds between two looks, as long as something is on its way."""
WORKING_HOURS: Final = (7, 15)
"""The hours (UTC) at which the clock stops: in the morning, and when the day's visits are over."""


class NotStill(Exception):
    """Something said did not take effect in time, or a deadline failed; says where."""


@dataclass(frozen=True, slots=True)
class Stillness:
    """What all services have said and heard, as one look found it."""

    said: Mapping[str, int]
    heard: Mapping[tuple[str, str], int]
    due: Mapping[str, int]
    next_deadline: datetime | None

    @property
    def behind(self) -> tuple[str, ...]:
        """What has not taken effect yet, in words."""
        unheard = tuple(
            f"{service} has yet to hear {self.said.get(topic, 0) - heard} events of {topic}"
            for (service, topic), heard in self.heard.items()
            if heard != self.said.get(topic, 0)
        )
        return unheard + tuple(
            f"{count} deadlines are due in {service}" for service, count in self.due.items() if count
        )

    @property
    def total(self) -> int:
        """How many events were ever said: whether anything happened since another look."""
        return sum(self.said.values())


class Clock:
    """The clock of an installation, moved by somebody of operations."""

    def __init__(self, operator: Person) -> None:
        self._operator, self._services = operator, operator.apis.development
        self._shift = timedelta(0)

    @property
    def now(self) -> datetime:
        """The time it is by the services' clock."""
        return datetime.now(UTC) + self._shift

    async def start(self) -> None:
        """Bring all services to the time of the one that is furthest ahead: a clock never goes back."""
        shown = await asyncio.gather(*(one.clock() for one in self._services.values()))
        await self._shift_to(timedelta(seconds=max(one["shift_seconds"] for one in shown)))

    async def forward(self, to: datetime) -> None:
        """Let it be `to` in every service. Whoever moves it has seen before that everything is still."""
        ahead = to - self.now
        if ahead > timedelta(0):
            await self._shift_to(self._shift + ahead)

    async def settle(self, patience: float = PATIENCE) -> Stillness:
        """Wait until everything said has taken effect and no deadline is due. Raises NotStill after `patience`.

        What was said in one look must be what was heard in the look before: between two such looks nothing moved.
        """
        patient_until = time.monotonic() + patience
        before = None
        while True:
            looked = await self._look()
            if looked == before and not looked.behind:
                return looked
            if time.monotonic() > patient_until:
                raise NotStill(await self._explain(looked))
            if looked.behind:
                await asyncio.sleep(PAUSE)
            before = looked

    async def _look(self) -> Stillness:
        looked = await asyncio.gather(*(one.stillness() for one in self._services.values()))
        shown = dict(zip(self._services, looked, strict=True))
        failed = [service for service, one in shown.items() if one["deadlines_failed"]]
        if failed:
            raise NotStill(f"A deadline failed for good in {' and '.join(failed)}; its log says why.")
        return read_stillness(shown)

    async def _explain(self, looked: Stillness) -> str:
        parked = [one async for one in every(self._operator.apis.operations.parked)]
        held = [f"{one['service']} holds {one['type']} ({one['status']}): {one['reason']}" for one in parked[:5]]
        return "Not everything said takes effect: " + "; ".join([*looked.behind, *held]) + "."

    async def _shift_to(self, shift: timedelta) -> None:
        await asyncio.gather(*(one.clock_shift(shift.total_seconds()) for one in self._services.values()))
        self._shift = shift


def read_stillness(shown: Mapping[str, Shown]) -> Stillness:
    """What each service shows, put together."""
    deadlines = [datetime.fromisoformat(one["next_deadline"]) for one in shown.values() if one["next_deadline"]]
    return Stillness(
        said={topic: count for one in shown.values() for topic, count in one["said"].items()},
        heard={(service, topic): count for service, one in shown.items() for topic, count in one["heard"].items()},
        due={service: one["deadlines_due"] for service, one in shown.items()},
        next_deadline=min(deadlines, default=None),
    )


def next_stop(moment: datetime) -> datetime:
    """The first working hour at or after a moment: what falls due between two of them is seen at the later one."""
    moment = moment.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    stops = (midnight + timedelta(days=day, hours=hour) for day in (0, 1) for hour in WORKING_HOURS)
    return next(stop for stop in stops if stop >= moment)
