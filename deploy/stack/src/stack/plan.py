"""What will run, where, and with which settings: all that follows from the environment, before anything is started."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.child import Process
from stack.failure import Failure
from stack.folder import DataFolder
from stack.kafka import MOST_REPLICAS
from stack.keys import AUDIENCE, ISSUER, Keys
from stack.ports import HOST, SERVICES, Ports


def _database(service: str) -> str:
    return f"RELIEFPATH_DATABASE_{service.upper()}"


CHECKOUT: Final = Path(__file__).resolve().parents[4]
NOT_INHERITED: Final = frozenset(
    {
        "RELIEFPATH_PORT",
        "RELIEFPATH_DATA",
        "RELIEFPATH_KEYS",
        "RELIEFPATH_INSTANCE",
        "RELIEFPATH_HTTP_PORT",
        "RELIEFPATH_KAFKA",
        *(_database(service) for service in SERVICES),
    }
)
"""Settings that mean something to the stack itself or to one process only, or that not every process may know."""


@dataclass(frozen=True)
class Plan:
    """The stack that an environment asks for."""

    environ: Mapping[str, str]
    checkout: Path
    folder: DataFolder
    ports: Ports
    brokers: int = 1
    """Nodes of our own Kafka. More than one is for tests: they share one machine."""

    @classmethod
    def of(cls, environ: Mapping[str, str], checkout: Path = CHECKOUT) -> Plan:
        """Read the settings. Raises Failure when they contradict each other."""
        plan = cls(environ, checkout, DataFolder.of(environ, checkout), Ports.of(environ))
        if plan.profile == "production" and plan.signs:
            raise Failure(
                "A production profile refuses the stack's development key: set RELIEFPATH_JWKS and RELIEFPATH_ISSUER "
                "to your identity provider's, or leave RELIEFPATH_PROFILE out."
            )
        return plan

    @property
    def profile(self) -> str:
        """How strict the services are."""
        return self.environ.get("RELIEFPATH_PROFILE") or "development"

    @property
    def signs(self) -> bool:
        """Whether the stack signs tokens itself, since no identity provider was given."""
        return not self.environ.get("RELIEFPATH_JWKS")

    @property
    def keys(self) -> Keys:
        """The development key of the data folder."""
        issuer = self.environ.get("RELIEFPATH_ISSUER") or ISSUER
        return Keys(self.folder.keys, issuer, self.environ.get("RELIEFPATH_AUDIENCE") or AUDIENCE)

    @property
    def given_kafka(self) -> str:
        """The broker that the user named, or nothing."""
        return self.environ.get("RELIEFPATH_KAFKA", "")

    @property
    def kafka(self) -> str:
        """The bootstrap addresses: the user's, else those of our own brokers."""
        return self.given_kafka or ",".join(f"{HOST}:{port}" for port, _ in self.ports.kafka(self.brokers))

    @property
    def given_databases(self) -> dict[str, str]:
        """The databases that the user named, by service."""
        named = {service: self.environ.get(_database(service), "") for service in SERVICES}
        return {service: address for service, address in named.items() if address}

    @property
    def own_databases(self) -> list[str]:
        """The services whose database is ours to provide."""
        return [service for service in SERVICES if service not in self.given_databases]

    @property
    def listens(self) -> dict[int, str]:
        """Every port the stack will listen on, and what for."""
        wanted = {self.ports.api(service): f"{service} API" for service in SERVICES}
        wanted |= {self.ports.worker(service): f"{service} worker" for service in SERVICES}
        if self.own_databases:
            wanted[self.ports.postgres] = "PostgreSQL"
        if not self.given_kafka:
            for broker, controller in self.ports.kafka(self.brokers):
                wanted |= {broker: "Apache Kafka", controller: "Kafka's controller"}
        return wanted

    @property
    def addresses(self) -> dict[str, str]:
        """Where each API answers, by service."""
        return {service: f"http://{HOST}:{self.ports.api(service)}" for service in SERVICES}

    @property
    def client(self) -> dict[str, str]:
        """The settings with which a client finds this stack and may sign tokens: the simulator, the command, a test."""
        told = {f"RELIEFPATH_URL_{service.upper()}": address for service, address in self.addresses.items()}
        told |= {"RELIEFPATH_PROFILE": self.profile, "RELIEFPATH_ISSUER": self.keys.issuer}
        told["RELIEFPATH_AUDIENCE"] = self.keys.audience
        if self.signs:
            told["RELIEFPATH_KEYS"] = str(self.folder.keys)
        return told

    def demo(self) -> Process:
        """The simulator's demo: it knows where the APIs are and how to sign, and no server."""
        return self._python("demo", "simulator", environment={**self._inherited, **self.client})

    @property
    def lists_demonstration(self) -> bool:
        """Whether the demonstration's facilities are listed at the start: not in production, nor without our key."""
        return self.profile == "development" and self.signs

    def directory(self) -> Process:
        """Lists the demonstration's facilities, so that there is somewhere to refer a patient to."""
        return self._python("directory", "simulator", "--directory", environment={**self._inherited, **self.client})

    def topics(self) -> Process:
        """Creates the topics of the catalogue."""
        return self._python("topics", "backbone.topics", environment=self._common)

    def migrations(self, databases: Mapping[str, str]) -> list[Process]:
        """Bring each service's database to its newest form."""
        return [
            self._python(
                f"{service}-migrations",
                "backbone.migrate",
                service,
                environment={**self._common, _database(service): databases[service]},
            )
            for service in SERVICES
        ]

    @property
    def migrations_digest(self) -> str:
        """Changes whenever a migration does: databases that stand at this need none."""
        digest = hashlib.sha256()
        for pattern in ("shared/*/src/*/migrations", "services/*/src/*/migrations"):
            for path in sorted(found for folder in self.checkout.glob(pattern) for found in folder.rglob("*.py")):
                digest.update(str(path.relative_to(self.checkout)).encode() + path.read_bytes())
        return digest.hexdigest()

    def processes(self, databases: Mapping[str, str]) -> list[Process]:
        """The API and the worker of each service; each knows its own database only."""
        ports = {"api": self.ports.api, "worker": self.ports.worker}
        modules = {"api": "app", "worker": "worker"}
        return [
            self._python(
                f"{service}-{kind}",
                f"{service}.{modules[kind]}",
                environment={
                    **self._common,
                    _database(service): databases[service],
                    "RELIEFPATH_INSTANCE": f"{service}-{kind}-1",
                    "RELIEFPATH_HTTP_PORT": str(port(service)),
                },
                port=port(service),
            )
            for kind, port in ports.items()
            for service in SERVICES
        ]

    @property
    def _inherited(self) -> dict[str, str]:
        return {name: value for name, value in self.environ.items() if name not in NOT_INHERITED}

    @property
    def _common(self) -> dict[str, str]:
        common = {
            **self._inherited,
            **self.client,
            "RELIEFPATH_KAFKA": self.kafka,
            "RELIEFPATH_HTTP_HOST": HOST,
            "RELIEFPATH_JWKS": self.environ.get("RELIEFPATH_JWKS") or str(self.keys.jwks),
            "PYTHONUNBUFFERED": "1",
        }
        if self.brokers > 1:
            common["RELIEFPATH_TOPIC_REPLICAS"] = str(min(MOST_REPLICAS, self.brokers))
        common.pop("RELIEFPATH_KEYS", None)  # who checks tokens must not be able to sign them
        return common

    def _python(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str], port: int | None = None
    ) -> Process:
        command = (sys.executable, "-m", module, *arguments)
        return Process(name, command, environment, folder=self.checkout, port=port, tells_readiness=bool(port))
