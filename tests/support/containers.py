"""The tests' PostgreSQL and Kafka as containers (testcontainers), set up as docker-compose.yml sets up its own.

Chosen by RELIEFPATH_TEST_WITH=docker. A run that is killed leaves containers behind; the next one sweeps them up.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import asyncpg
import yaml
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from stack.failure import Failure
from stack.kafka import brokers
from stack.plan import CHECKOUT
from stack.ports import HOST, free_ports
from stack.postgres import SUPERUSER
from stack.provide import provide
from stack.supervisor import Answers
from tests.support.compose import no_engine
from tests.support.servers import Broker, Cluster, Server, Servers, until_it_answers

LABEL: Final = "reliefpath.tests"
"""On each container: the folder of the run that it belongs to."""

# The usual reaper is one more image to fetch, and stays as long as a run that hangs; labels and folders do the same.
testcontainers_config.ryuk_disabled = True


def servers() -> Servers:
    """The servers that RELIEFPATH_TEST_WITH asks for. Raises Failure when they are not to be had."""
    match os.environ.get("RELIEFPATH_TEST_WITH") or "embedded":
        case "embedded":
            return Servers()
        case "docker":
            return ContainerServers()
        case other:
            raise Failure(f"RELIEFPATH_TEST_WITH is {other!r}: it takes embedded, which is the default, or docker.")


def in_containers() -> bool:
    """Whether the tests' servers are containers."""
    return os.environ.get("RELIEFPATH_TEST_WITH") == "docker"


@dataclass(frozen=True)
class ContainerPostgreSQL:
    """A cluster in a container."""

    port: int
    password: str
    _passwords: dict[str, str] = field(default_factory=dict)

    async def provide(self, services: Iterable[str]) -> dict[str, str]:
        """A role and a database of its own for each service; their addresses by service."""
        for service in services:
            self._passwords.setdefault(service, secrets.token_urlsafe(24))
        addresses = {service: self.address(service, service, self._passwords[service]) for service in services}
        await provide(self.address(SUPERUSER), addresses.values())
        return addresses

    def address(self, database: str, role: str = SUPERUSER, password: str | None = None) -> str:
        """Where a database is reached, by default as the superuser."""
        return f"postgresql://{role}:{self.password if password is None else password}@{HOST}:{self.port}/{database}"

    async def answers(self) -> bool:
        """Whether it accepts a session now."""
        try:
            connection = await asyncpg.connect(self.address(SUPERUSER), timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True


@dataclass(frozen=True)
class ContainerKafka:
    """A broker in a container."""

    port: int

    @property
    def address(self) -> str:
        """What a client needs (bootstrap servers)."""
        return f"{HOST}:{self.port}"

    async def answers(self) -> bool:
        """Whether it names itself as a live broker now."""
        try:
            async with asyncio.timeout(2):
                return self.port in await brokers(HOST, self.port)
        except (OSError, TimeoutError, EOFError):
            return False


class ServerContainer:
    """A container that a test may kill and start again on its data."""

    def __init__(self, name: str, container: DockerContainer, answers: Answers) -> None:
        self._name, self._container, self._answers = name, container, answers
        container.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        self._wrapped.reload()
        return bool(self._wrapped.status in {"running", "paused"})

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._wrapped.kill()
        self._wrapped.wait()

    async def start(self) -> None:
        """Start it again on the same data if it does not run, and wait until it answers."""
        if not self.running:
            self._wrapped.start()
        await until_it_answers(self._name, self._answers, lambda: self.running, self._last_lines)

    async def stop(self) -> None:
        """Remove it: what it holds is no longer needed."""
        self._container.stop()

    def hold(self) -> None:
        """Let it stand still."""
        self._wrapped.pause()

    def release(self) -> None:
        """Let it go on."""
        self._wrapped.unpause()

    def _last_lines(self) -> str:
        return str(self._wrapped.logs(tail=20).decode(errors="replace"))

    @property
    def _wrapped(self) -> Any:
        return self._container.get_wrapped_container()


class ContainerServers(Servers):
    """Both servers of one test run as containers, each started when it is first asked for."""

    def __init__(self) -> None:
        if lacking := no_engine():
            raise Failure(
                f"RELIEFPATH_TEST_WITH=docker, and {lacking}: leave it out to test with the embedded servers."
            )
        super().__init__()
        _sweep_containers()

    @cached_property
    def postgres(self) -> tuple[Cluster, Server]:
        """The cluster and its container; not durable, as the embedded one is not."""
        cluster = ContainerPostgreSQL(free_ports(1)[0], secrets.token_urlsafe(24))
        container = self._container("postgres", 5432, cluster.port, "--fsync=off", "--full_page_writes=off")
        container.env.pop("POSTGRES_PASSWORD_FILE")
        container.with_env("POSTGRES_PASSWORD", cluster.password)
        return cluster, self._run(ServerContainer("PostgreSQL", container, cluster.answers))

    def another_kafka(self, name: str) -> tuple[Broker, Server]:
        """A broker besides, with topics of its own."""
        broker = ContainerKafka(free_ports(1)[0])
        container = self._container("kafka", 9094, broker.port)
        container.with_env("ADVERTISED", f"PLAINTEXT://localhost:9092,MACHINE://{broker.address}")
        (_, settings) = _composed()["kafka"]["volumes"]
        given, there, _ = settings.split(":")
        container.with_volume_mapping(str(CHECKOUT / given), there)
        return broker, self._run(ServerContainer(name, container, broker.answers))

    def _container(self, part: str, inner: int, outer: int, *options: str) -> DockerContainer:
        composed = _composed()[part]
        command = [word.replace("$$", "$") for word in composed["command"]]  # Compose's way to write a dollar
        container = DockerContainer(composed["image"], env=dict(composed["environment"]))
        container.with_command([*command, *options])
        container.with_kwargs(labels={LABEL: str(self.folder)})
        # The same port after every start, and on this machine only.
        container.ports[str(inner)] = (HOST, outer)  # type: ignore[assignment]  # the engine's client takes it
        return container


@cache
def _composed() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    return found


def _sweep_containers() -> None:
    """Remove the containers of runs whose folder is gone."""
    client = DockerClient().client
    try:
        for container in client.containers.list(all=True, filters={"label": LABEL}):
            if not Path(container.labels[LABEL]).exists():
                container.remove(force=True, v=True)
    finally:
        client.close()
