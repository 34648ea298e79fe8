"""One run of the simulator: the directory, the patients, the play, and what came of it."""

from __future__ import annotations

import asyncio
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from reliefpath_client import every
from simulator import directory
from simulator.case import Case
from simulator.cast import Cast
from simulator.casting import Role
from simulator.clock import Clock, NotStill
from simulator.endings import Standing
from simulator.network import Network
from simulator.people import Person
from simulator.play import Part, Play, Stage
from simulator.stories import play_out

DIGITS: Final = string.digits + string.ascii_uppercase
LAG_SEEN_WITHIN: Final = 15.0
"""Seconds within which operations must see that nobody is behind: consumers look at their lag every few seconds."""


@dataclass
class Outcome:
    """What happened to one patient. `failure` is a sentence, when the story did not end as it must."""

    role: Role
    case: Case
    part: Part
    standing: Standing | None = None

    @property
    def failure(self) -> str | None:
        """Why the story did not end as it must; None when it did."""
        return self.part.failure


@dataclass
class Run:
    """A run on one installation. `outcomes` fills up once the play has begun."""

    network: Network
    roles: Sequence[Role]
    outcomes: list[Outcome] = field(default_factory=list)
    began: datetime | None = None
    ended: datetime | None = None
    seconds: float = 0.0

    @property
    def days(self) -> int:
        """Simulated days until the last story ended."""
        return (self.ended - self.began).days if self.began and self.ended else 0

    async def perform(self, onlooker: Callable[[Play, datetime], None] = lambda *_: None) -> None:
        """Play all stories. Raises NotStill, Refusal, Unreachable for what is not one story's fault."""
        started = time.monotonic()
        cast = Cast.of(self.network)
        clock = Clock(cast.operator)
        await clock.start()
        await directory.list_everything(cast.operator)
        await clock.settle()
        self.began = clock.now
        name = name_of(self.began)
        play = Play(clock, [self._part(role, cast, name) for role in self.roles])
        try:
            await play.run(lambda: onlooker(play, clock.now))
        finally:
            self.ended, self.seconds = clock.now, time.monotonic() - started
        await confirm_nothing_held(cast.operator)

    def _part(self, role: Role, cast: Cast, run: str) -> Part:
        label = role.patient.label(run)

        async def story(stage: Stage) -> None:
            case = Case(label, role.patient, cast, stage, run)
            outcome = Outcome(role, case, part)
            self.outcomes.append(outcome)
            outcome.standing = await play_out(role.story, case)

        part = Part(label, story)
        return part


def name_of(began: datetime) -> str:
    """A short name that no other run has, as the clock only goes forward: the second at which it began, in base 36."""
    seconds, name = int(began.timestamp()), ""
    while seconds:
        seconds, digit = divmod(seconds, 36)
        name = DIGITS[digit] + name
    return name


async def confirm_nothing_held(operator: Person) -> None:
    """See, as operations shows it, that no consumer is behind and nothing is held or set aside. Raises NotStill."""
    patient_until = time.monotonic() + LAG_SEEN_WITHIN
    while True:
        lags = await operator.apis.operations.lag()
        behind = [f"{one['service']} on {one['topic']}" for one in lags["consumers"] if one["records"]]
        behind += [f"{one['service']} is silent: {one['because']}" for one in lags["silent"]]
        if not behind:
            break
        if time.monotonic() > patient_until:
            raise NotStill("Operations sees lag: " + ", ".join(behind) + ".")
        await asyncio.sleep(0.25)
    parked = [one["id"] async for one in every(operator.apis.operations.parked)]
    set_aside = [one["id"] async for one in every(operator.apis.operations.dead_letters)]
    for shelf, held in (("parked", parked), ("dead-letters", set_aside)):
        if held:
            raise NotStill(f"{len(held)} events stand in {shelf}; reliefpath {shelf} list shows them.")
