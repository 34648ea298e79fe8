"""Who works where, and who plays in every story."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from reliefpath.vocabulary import Role
from simulator.directory import HOME_EAST, HOME_WEST, ONCOLOGY, PAIN_CENTRE, PAIN_CLINIC
from simulator.network import Network
from simulator.people import Person


@dataclass(frozen=True)
class Staff:
    """The people of one pain service. Its `desk` finds a time for one patient after the other."""

    facility: str
    coordinator: Person
    clinician: Person
    scheduler: Person
    desk: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Cast:
    """Everybody but the patients."""

    network: Network
    operator: Person
    referrer: Person
    staff: Mapping[str, Staff]
    nurses: Mapping[str, Person]

    @classmethod
    def of(cls, network: Network) -> Self:
        """The same people in every run."""
        return cls(
            network=network,
            operator=network.somebody(Role.OPERATIONS),
            referrer=network.somebody(Role.REFERRER, ONCOLOGY),
            staff={
                code: Staff(
                    code,
                    network.somebody(Role.COORDINATOR, code),
                    network.somebody(Role.CLINICIAN, code),
                    network.somebody(Role.SCHEDULER, code),
                )
                for code in (PAIN_CLINIC, PAIN_CENTRE)
            },
            nurses={code: network.somebody(Role.HOME_NURSE, code) for code in (HOME_EAST, HOME_WEST)},
        )
