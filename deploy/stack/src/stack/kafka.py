"""A real Apache Kafka: its jars by Maven, KRaft nodes that are broker and controller, each ready when it answers."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import os
import re
import secrets
import shutil
import struct
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from stack.child import Child, Process
from stack.failure import Failure
from stack.folder import replace
from stack.ports import HOST

OLDEST_JAVA: Final = 17
HEAP: Final = "384m"
HEAP_OF_MANY: Final = "256m"
"""Enough for each node of a cluster on one machine."""
MOST_REPLICAS: Final = 3
MESSAGE_BYTES: Final = 1024 * 1024
SETTINGS: Final = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Topics come from the catalogue; one that does not is a mistake.
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "message.max.bytes": str(MESSAGE_BYTES),
    # Read models are rebuilt from the topics, so the topics keep everything.
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    "offsets.retention.minutes": str(10 * 365 * 24 * 60),
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # After kill -9 the same broker is refused until its session ends.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "controlled.shutdown.enable": "true",
}

Once = Callable[[Process], Awaitable[Child]]
"""Runs a process to its end and returns it; the caller judges how it ended."""


@dataclass(frozen=True)
class Kafka:
    """One node whose log is in `home`: alone, or one of a cluster.

    `controllers` are the ports of all nodes' controllers in the order of their ids, from 1; none: it is alone.
    """

    java: str
    jars: Path
    home: Path
    port: int
    controller_port: int
    controllers: tuple[int, ...] = ()
    heap: str = HEAP
    cluster: str = field(default_factory=lambda: _cluster_id(), compare=False)
    """The name that all nodes' logs carry; what is there keeps its own."""

    async def prepare(self, once: Once, version: str) -> None:
        """Format the log if there is none, in a folder that gets its name only when whole, and write the settings.

        Raises Failure when what is there cannot be used.
        """
        if not self.home.exists():
            building = self.home.with_name(self.home.name + ".new")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            self._write_settings(building)
            format_log = ("format", "--cluster-id", self.cluster, "--config", str(building / "server.properties"))
            formatting = await once(self._java("kafka.tools.StorageTool", *format_log))
            if formatting.exit_code != 0:
                told = formatting.last_lines()
                raise Failure(f"Kafka's format {formatting.ending()}; it wrote to {formatting.log}:\n{told}")
            replace(building / "version", version)
            building.rename(self.home)
        self._require_usable(version)
        self._write_settings(self.home)
        replace(self.home / "version", version)

    def process(self) -> Process:
        """The broker in the foreground."""
        broker = self._java("kafka.Kafka", str(self.home / "server.properties"))
        return dataclasses.replace(broker, port=self.port)

    async def answers(self) -> bool:
        """Whether it answers a client's first question, and names itself as a live broker, now."""
        try:
            async with asyncio.timeout(2):
                return self.port in await brokers(HOST, self.port)
        except (OSError, TimeoutError, EOFError, struct.error):
            return False

    @property
    def address(self) -> str:
        """What a client needs (bootstrap servers)."""
        return f"{HOST}:{self.port}"

    def _write_settings(self, home: Path) -> None:
        controllers = self.controllers or (self.controller_port,)
        replicas = min(MOST_REPLICAS, len(controllers))
        in_sync = max(1, replicas - 1)
        own = {
            "node.id": controllers.index(self.controller_port) + 1,
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "controller.quorum.voters": ",".join(f"{one}@{HOST}:{port}" for one, port in enumerate(controllers, 1)),
            "log.dirs": home / "log",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
        }
        lines = [f"{name}={value}" for name, value in {**SETTINGS, **own}.items()]
        replace(home / "server.properties", "\n".join(lines) + "\n")

    def _java(self, main: str, *arguments: str) -> Process:
        options = (
            f"-Xmx{self.heap}",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
        )
        return Process(
            name=self.home.name,
            command=(self.java, *options, "-cp", f"{self.jars}/*", main, *arguments),
            environment=_environment(),
            folder=self.home.parent,
        )

    def _require_usable(self, version: str) -> None:
        afresh = f"remove it to start afresh (rm -r {self.home})"
        try:
            written_by = (self.home / "version").read_text().strip()
        except OSError:
            written_by = ""
        if not written_by or not (self.home / "log" / "meta.properties").exists():
            raise Failure(f"{self.home} is not a whole Kafka data folder: {afresh}.")
        if _numbers(written_by) > _numbers(version):
            raise Failure(f"{self.home} was written by Kafka {written_by}, newer than this {version}: {afresh}.")


def cluster(java: str, jars: Path, home: Path, ports: Sequence[tuple[int, int]]) -> list[Kafka]:
    """A node for each pair of ports (broker, controller), the first with its log in `home`, the others beside it.

    They must be started together: a node answers when more than half of them run.
    """
    first = Kafka(java, jars, home, *ports[0], tuple(controller for _, controller in ports))
    if len(ports) == 1:
        return [first]
    homes = [home, *(home.with_name(f"{home.name}-{one}") for one in range(2, len(ports) + 1))]
    return [
        dataclasses.replace(first, home=own, port=port, controller_port=controller, heap=HEAP_OF_MANY)
        for own, (port, controller) in zip(homes, ports, strict=True)
    ]


def require_java(environ: Mapping[str, str]) -> str:
    """The Java to run (JAVA_HOME's, else the one on PATH). Raises Failure when there is none or it is too old."""
    home = environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environ.get("PATH"))
    remedy = f"install Java {OLDEST_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless)"
    if java is None or not os.access(java, os.X_OK):
        where = f"JAVA_HOME is {home} and holds none" if home else "there is none on PATH"
        raise Failure(f"Apache Kafka needs Java and {where}: {remedy}.")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20)
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    if told.returncode != 0 or not found:
        raise Failure(f"{java} does not tell its version: {remedy}.")
    if int(found[1]) < OLDEST_JAVA:
        raise Failure(f"Apache Kafka needs Java {OLDEST_JAVA} or newer and {java} is Java {found[1]}: {remedy}.")
    return java


def pinned_version(pom: Path) -> str:
    """The version of Kafka that the pom asks for."""
    names = {"m": "http://maven.apache.org/POM/4.0.0"}
    found = ElementTree.parse(pom).findtext("m:properties/m:kafka.version", namespaces=names)  # noqa: S314 - our own file
    if not found:
        raise Failure(f"{pom} does not pin kafka.version: restore it (git checkout {pom.name}).")
    return found


async def jars(pom: Path, cache: Path, once: Once, environ: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """The broker's jars, fetched once per pom by Maven from wherever the machine's Maven is set to fetch.

    Raises Failure when Maven is missing or cannot fetch them.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    target = cache / f"{pinned_version(pom)}-{digest}"
    if target.exists():
        return target
    maven = shutil.which("mvn", path=environ.get("PATH"))
    if maven is None:
        raise Failure("Apache Kafka is fetched by Maven once, and mvn is missing: install it (apt-get install maven).")
    partial = cache / f"{target.name}.{os.getpid()}"
    copy = ("dependency:copy-dependencies", f"-DoutputDirectory={partial}", "-DincludeScope=runtime")
    fetching = Process(
        name="maven",
        command=(maven, "-B", "-f", str(pom), *copy),
        environment=environ,
        folder=pom.parent,
    )
    say("fetching the broker with Maven (54 MB, this once)")
    try:
        done = await once(fetching)
        if done.exit_code != 0:
            raise Failure(
                f"Maven could not fetch Apache Kafka: check the network and Maven's settings, then start again; "
                f"{done.log} ends with:\n{done.last_lines(6)}"
            )
        cache.mkdir(exist_ok=True)
        if not target.exists():
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


async def brokers(host: str, port: int) -> list[int]:
    """The ports of the live brokers that a node tells of: one Metadata request (version 1) about no topic."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        client = b"stack"
        request = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
        writer.write(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", await reader.readexactly(4))[0]
        if not 8 <= size <= MESSAGE_BYTES:
            raise EOFError("no answer of Kafka's protocol")
        return _ports(await reader.readexactly(size))
    finally:
        writer.close()


def _ports(answer: bytes) -> list[int]:
    count, at = struct.unpack_from(">i", answer, 4)[0], 8
    found = []
    for _ in range(count):
        at += 6 + struct.unpack_from(">h", answer, at + 4)[0]  # node id, host
        found.append(int(struct.unpack_from(">i", answer, at)[0]))
        rack = struct.unpack_from(">h", answer, at + 4)[0]
        at += 6 + max(rack, 0)
    return found


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _environment() -> Mapping[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
