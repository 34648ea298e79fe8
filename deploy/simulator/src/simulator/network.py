"""The installation as its users meet it: four addresses, and a token for everybody who asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx2

from reliefpath.vocabulary import Role, facility_id
from reliefpath_client import Client, Development, Followup, Operations, Referral, Scheduling
from simulator.people import Apis, Person
from stack.keys import WHOLE_NETWORK, Keys

Api = TypeVar("Api", bound=Client)

SERVICES: Final = ("referral", "scheduling", "followup", "operations")
LIFETIME: Final = timedelta(hours=12)
"""How long a token lives: longer than any run."""
PATIENCE: Final = 30.0
"""Seconds an answer may take before it counts as none."""


class NotSet(Exception):
    """A setting that tells where the installation is, or how to sign, is missing."""


@dataclass
class Network:
    """Where the APIs answer and how tokens are signed. One pool of connections per service, for everybody."""

    addresses: Mapping[str, str]
    keys: Keys
    _pools: dict[str, httpx2.AsyncHTTPTransport] = field(default_factory=dict)

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The installation that the environment names. Raises NotSet with one sentence."""
        addresses = {}
        for service in SERVICES:
            name = f"RELIEFPATH_URL_{service.upper()}"
            if not environ.get(name):
                raise NotSet(f"{name} is not set: start the stack with make up, then make demo.")
            addresses[service] = environ[name].rstrip("/")
        try:
            return cls(addresses, Keys.of(environ))
        except LookupError as lacking:
            raise NotSet(f"{lacking}; the simulator plays people of every role, so it must sign tokens.") from None

    def somebody(self, role: Role, *facilities: str) -> Person:
        """Somebody of this role who works at these facilities (codes); the whole network for operations."""
        ids = [str(facility_id(code)) for code in facilities]
        subject = "-".join([role.value, *(code.lower() for code in facilities)])
        return self._person(role, subject, ids if facilities else [WHOLE_NETWORK])

    def patient(self, journey: str) -> Person:
        """The patient of a journey, by a link that shows that journey alone."""
        return self._person(Role.PATIENT, f"patient-{journey[:8]}", [], journey)

    def _person(self, role: Role, subject: str, facilities: list[str], journey: str | None = None) -> Person:
        token = self.keys.token(role, subject, facilities, LIFETIME, journey)

        def api(kind: type[Api], service: str) -> Api:
            return kind(self.addresses[service], token, patience=PATIENCE, transport=self._pool(service))

        apis = Apis(
            referral=api(Referral, "referral"),
            scheduling=api(Scheduling, "scheduling"),
            followup=api(Followup, "followup"),
            operations=api(Operations, "operations"),
            development={service: api(Development, service) for service in SERVICES},
        )
        return Person(role, subject, apis)

    def _pool(self, service: str) -> httpx2.AsyncHTTPTransport:
        if service not in self._pools:
            self._pools[service] = httpx2.AsyncHTTPTransport(verify=self.addresses[service].startswith("https"))
        return self._pools[service]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            await pool.aclose()
