"""The play: many stories at once, each going on when what it waits for can be seen, all under one clock.

A story is a coroutine. It acts through the APIs, and waits with `until` for something that will be seen. The play waits
until all services are still, lets those stories act that now see what they wait for, a few at a time, and when none can
go on moves the clock to the next working hour at which something is due. So nobody waits blindly, and nobody is
overtaken by time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

from reliefpath_client import Refusal, Unreachable
from simulator.clock import next_stop
from simulator.people import NotOffered

T = TypeVar("T")
Look = Callable[[], Awaitable[T | None]]
"""Looks once, through the APIs; None when it is not to be seen yet."""

HANDS: Final = 4
"""How many stories act at the same time, unless told otherwise."""

AT_ONCE: Final = timedelta(hours=12)
"""Within which an effect of somebody's action has to be seen: the next stop of the clock at the latest."""


class WentWrong(Exception):
    """A story did not go as it must; says in one sentence what was expected and what was found."""


class Still(Protocol):
    """What the play needs to know of stillness."""

    @property
    def total(self) -> int:
        """How many events were said so far, by all services together."""

    @property
    def next_deadline(self) -> datetime | None:
        """The earliest deadline that is set in any service; None when there is none."""


class Timepiece(Protocol):
    """What the play needs of the clock."""

    @property
    def now(self) -> datetime:
        """The time by which the services go."""

    async def settle(self) -> Still:
        """Wait until everything said has taken effect. Raises NotStill when that does not come about in time."""

    async def forward(self, to: datetime) -> None:
        """Move all services to this moment, unless they are past it."""


@dataclass
class Wait(Generic[T]):
    """What a story waits for: something to be seen, not before one moment and not after another.

    `looked` is how many events had been said at the last look: without a new one there is nothing new to see.
    """

    what: str
    look: Look[T]
    not_before: datetime
    not_after: datetime
    answer: asyncio.Future[T]
    looked: int | None = None

    def is_ripe(self, now: datetime) -> bool:
        """Whether the time to look has come, and nobody has looked yet."""
        return self.looked is None and self.not_before <= now


@dataclass
class Part:
    """One story in the play: what it waits for, and how it ended."""

    name: str
    story: Callable[[Stage], Awaitable[None]]
    waits: Wait[Any] | None = None
    failure: str | None = None
    began: datetime | None = None
    ended: datetime | None = None
    rests: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def days(self) -> float:
        """How many simulated days it took."""
        return (self.ended - self.began) / timedelta(days=1) if self.began and self.ended else 0.0


class Stage:
    """What the play gives to a story: the time, and a way to wait."""

    def __init__(self, part: Part, clock: Timepiece) -> None:
        self._part, self._clock = part, clock

    @property
    def now(self) -> datetime:
        """The time it is by the services' clock."""
        return self._clock.now

    async def until(
        self, what: str, look: Look[T], *, not_after: datetime | None = None, not_before: datetime | None = None
    ) -> T:
        """What `look` sees, as soon as it sees it; nobody looks before `not_before`.

        Raises WentWrong when it is not seen by `not_after`, which is at the next stop of the clock unless told.
        """
        begins = max(not_before or self.now, self.now)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._part.waits = Wait(what, look, begins, not_after or begins + AT_ONCE, answer)
        self._part.rests.set()
        return await answer


class Play:
    """All stories of one run. `hands` is how many of them act at the same time."""

    def __init__(self, clock: Timepiece, parts: Sequence[Part], *, hands: int = HANDS) -> None:
        self._clock, self.parts = clock, parts
        self._hands = asyncio.Semaphore(hands)

    @property
    def over(self) -> int:
        """How many stories have come to their end, a good or a bad one."""
        return sum(part.ended is not None for part in self.parts)

    async def run(self, onlooker: Callable[[], None] = lambda: None) -> None:
        """Play every story to its end. A story that fails is noted in its part, and the others go on.

        The onlooker is called whenever everybody has done what they could.
        """
        try:
            while True:
                still = await self._act_out(onlooker)
                if self.over == len(self.parts):
                    return
                await self._clock.forward(self._next_stop(still))
        finally:
            tasks = [part.task for part in self.parts if part.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _act_out(self, onlooker: Callable[[], None]) -> Still:
        """Let everybody do what there is to do now, until nobody sees anything new and everything is still."""
        while True:
            still = await self._clock.settle()
            moved = await asyncio.gather(*(self._turn(part, still) for part in self.parts))
            onlooker()
            # Real seconds pass meanwhile: the time that somebody waits for may have come since they had their turn.
            if not any(moved) and not any(part.waits.is_ripe(self._clock.now) for part in self.parts if part.waits):
                return still

    async def _turn(self, part: Part, still: Still) -> bool:
        """Let a story begin, or go on if it sees what it waits for; whether it did."""
        async with self._hands:
            if part.task is None:
                part.task = asyncio.create_task(self._tell(part))
            elif part.waits is None or not await self._sees(part.waits, still):
                return False
            part.waits = None
            part.rests.clear()
            await part.rests.wait()
            if part.task.done():
                part.task.result()
            return True

    async def _tell(self, part: Part) -> None:
        part.began = self._clock.now
        try:
            await part.story(Stage(part, self._clock))
        except (WentWrong, NotOffered, Refusal, Unreachable) as wrong:
            part.failure = str(wrong)
        finally:
            part.waits, part.ended = None, self._clock.now
            part.rests.set()

    async def _sees(self, wait: Wait[Any], still: Still) -> bool:
        """Whether a story has an answer to what it waits for: what it sees, or that it has waited too long."""
        late = self._clock.now > wait.not_after
        if wait.not_before > self._clock.now or (wait.looked == still.total and not late):
            return False
        wait.looked = still.total
        try:
            found = await wait.look()
        except (WentWrong, Refusal, Unreachable) as wrong:
            wait.answer.set_exception(wrong)
            return True
        if found is not None:
            wait.answer.set_result(found)
        elif late:
            wait.answer.set_exception(WentWrong(f"It was not seen in time that {wait.what}."))
        return wait.answer.done()

    def _next_stop(self, still: Still) -> datetime:
        """The next working hour at which a deadline is due, or a story wants to look, or has waited long enough."""
        now = self._clock.now
        waits = [part.waits for part in self.parts if part.waits is not None]
        moments = [wait.not_before if wait.not_before > now else wait.not_after for wait in waits]
        if still.next_deadline is not None:
            moments.append(still.next_deadline)
        return next_stop(max(min(moments), now) + timedelta(seconds=1))
