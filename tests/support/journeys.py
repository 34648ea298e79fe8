"""Stories told once for all journey tests, and a way to look at what each left behind, through the APIs alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from reliefpath_client import every
from simulator.cast import Cast
from simulator.casting import assign
from simulator.network import Network
from simulator.people import Person, Shown, Thing
from simulator.run import Outcome, Run
from simulator.stories import STORIES

SEED = 1


@dataclass(frozen=True)
class Told:
    """A story that was told, and somebody at its pain service who looks at what it left behind."""

    outcome: Outcome
    cast: Cast

    @property
    def journey(self) -> str:
        """The journey's id."""
        return self.outcome.case.journey

    async def referrals(self) -> list[Shown]:
        """The journey's referrals, oldest first."""
        return list((await self.shown())["referrals"])

    async def courses(self) -> list[Shown]:
        """The journey's courses, oldest first."""
        return list((await self.shown())["courses"])

    async def shown(self) -> Shown:
        """The journey as referral shows it."""
        shown: Shown = await self._looker.apis.referral.call("journey", self.journey)
        return shown

    async def referral(self) -> Shown:
        """The referral as its coordinator sees it."""
        return await self._looker.read(Thing("referral", "referral", self.outcome.case.referral))

    async def listed(self, service: str, path: str, **query: Any) -> list[Shown]:
        """A service's list about this journey."""
        ask = getattr(self._looker.apis.of(service), path[1:].replace("-", "_"))
        return [one async for one in every(ask, journey=self.journey, **query)]

    async def appointments(self) -> list[Shown]:
        """The journey's appointments."""
        return await self.listed("scheduling", "/appointments")

    async def events(self) -> list[Shown]:
        """Every event of the journey in the order in which one led to another, as operations shows them."""
        return list((await self.traced())["events"])

    async def traced(self) -> Shown:
        """The journey as operations shows it."""
        shown: Shown = await self.cast.operator.apis.operations.call("journey", self.journey)
        return shown

    async def names(self) -> list[str]:
        """The names of its events, in that order."""
        return [name_of(event) for event in await self.events()]

    @property
    def _looker(self) -> Person:
        return self.cast.staff[self.outcome.case.at].coordinator


class Stories:
    """All stories that the collected tests want, told together on one network."""

    def __init__(self, client: Mapping[str, str], names: Iterable[str]) -> None:
        wanted = set(names)
        self._client = client
        self._roles = [role for role in assign(len(STORIES), SEED) if role.story.name in wanted]
        self.run: Run | None = None

    async def tell(self) -> Self:
        """Tell them."""
        async with Network.of(self._client) as network:
            self.run = Run(network, self._roles)
            await self.run.perform()
        return self

    def outcome(self, name: str) -> Outcome:
        """What came of a story. Fails with its own words when it did not end as it must."""
        assert self.run is not None
        outcome = next(one for one in self.run.outcomes if one.role.story.name == name)
        assert outcome.failure is None, outcome.failure
        return outcome


def name_of(event: Mapping[str, Any]) -> str:
    """The short name of an event: `reliefpath.referral.ReferralAccepted.v1` is ReferralAccepted."""
    return str(event["type"]).split(".")[2]


def assert_in_order(names: Sequence[str], *wanted: str) -> None:
    """Each wanted event happened after the one before it; others may stand between."""
    place = 0
    for one in wanted:
        assert one in names[place:], f"{one} is not among {names[place:]}"
        place = names.index(one, place) + 1
