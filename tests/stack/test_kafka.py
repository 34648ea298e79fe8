"""The real broker: fetched, formatted, started, killed, refused."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stack.failure import Failure
from stack.kafka import SETTINGS, Kafka, brokers, cluster, jars, pinned_version, require_java
from stack.plan import CHECKOUT
from stack.ports import HOST, Ports, free_ports
from stack.supervisor import Supervisor
from tests.support.servers import Servers
from tests.support.standins import free_span

POM = CHECKOUT / "deploy" / "kafka" / "pom.xml"


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "logs")
    yield made
    await made.stop()


@pytest.fixture
def stand_in(tmp_path: Path) -> Kafka:
    """A broker whose Java is a script, for what is decided before Java runs."""
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho no space left; exit 1\n")
    java.chmod(0o755)
    return Kafka(str(java), tmp_path, tmp_path / "kafka", 7421, 7422)


def whole(broker: Kafka, version: str) -> None:
    (broker.home / "log").mkdir(parents=True)
    (broker.home / "log" / "meta.properties").write_text("version=1\n")
    (broker.home / "version").write_text(version)


@pytest.mark.timeout(180)
@pytest.mark.kafka
@pytest.mark.embedded
async def test_a_broker_that_was_killed_starts_again_and_still_has_every_acknowledged_record(
    servers: Servers, tmp_path: Path, supervisor: Supervisor
) -> None:
    running, _ = servers.kafka
    assert isinstance(running, Kafka)
    port, controller = free_ports(2)
    broker = Kafka(running.java, running.jars, tmp_path / "kafka", port, controller)
    version = pinned_version(POM)
    await broker.prepare(supervisor.once, version)
    await supervisor.start(broker.process(), 0, broker.answers)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=True)
    await producer.start()
    for number in range(20):
        await producer.send_and_wait("kept", str(number).encode())
    child = supervisor.watched[0].child
    os.kill(child.pid, signal.SIGKILL)
    assert await child.ended(10)
    assert not await broker.answers()

    await broker.prepare(supervisor.once, version)
    began = time.monotonic()
    await supervisor.start(broker.process(), 0, broker.answers)
    assert time.monotonic() - began < 30
    await producer.send_and_wait("kept", b"after")
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("kept", 0)])
    values: list[bytes] = []
    async with asyncio.timeout(30):
        while len(values) < 21:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in records]
    await consumer.stop()
    assert values == [str(number).encode() for number in range(20)] + [b"after"]


@pytest.mark.timeout(180)
@pytest.mark.kafka
@pytest.mark.embedded
async def test_of_three_nodes_one_may_be_lost_and_of_two_none(
    servers: Servers, tmp_path: Path, supervisor: Supervisor
) -> None:
    running, _ = servers.kafka
    assert isinstance(running, Kafka)
    nodes = cluster(running.java, running.jars, tmp_path / "kafka", Ports(free_span()).kafka(3))
    await asyncio.gather(*(node.prepare(supervisor.once, pinned_version(POM)) for node in nodes))
    await asyncio.gather(*(supervisor.start(node.process(), 0, node.answers) for node in nodes))
    children = {watched.process.name: watched.child for watched in supervisor.watched}
    assert sorted(children) == ["kafka", "kafka-2", "kafka-3"]
    addresses = ",".join(node.address for node in nodes)
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses)
    await admin.start()
    await admin.create_topics([NewTopic("by-default", 1, -1, {})])
    producer = AIOKafkaProducer(bootstrap_servers=addresses, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait("by-default", b"three")
    described = (await admin.describe_topics(["by-default"]))[0]["partitions"][0]
    await admin.close()
    assert sorted(described["replicas"]) == [1, 2, 3]
    children["kafka-2"].kill()
    async with asyncio.timeout(60):
        await producer.send_and_wait("by-default", b"two")
    children["kafka-3"].kill()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await producer.send_and_wait("by-default", b"one")
    assert not await nodes[1].answers()
    await asyncio.gather(*(supervisor.start(node.process(), 0, node.answers) for node in nodes[1:]))
    async with asyncio.timeout(60):
        await producer.send_and_wait("by-default", b"three again")
        await producer.stop()


@pytest.mark.kafka
async def test_a_broker_names_itself_when_it_is_asked_what_every_client_asks_first(servers: Servers) -> None:
    broker, _ = servers.kafka
    assert await brokers(HOST, broker.port) == [broker.port]
    assert await broker.answers()


async def test_an_open_port_is_no_answer() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, HOST, 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        assert not await Kafka("java", Path(), Path(), port, 0).answers()


async def test_nothing_there_is_no_answer() -> None:
    assert not await Kafka("java", Path(), Path(), free_ports(1)[0], 0).answers()


async def test_a_format_that_fails_is_told_with_its_last_lines_and_leaves_no_data(
    stand_in: Kafka, supervisor: Supervisor
) -> None:
    with pytest.raises(Failure, match=r"(?s)Kafka's format ended with code 1; .*no space left"):
        await stand_in.prepare(supervisor.once, "4.3.1")
    assert not stand_in.home.exists()


async def test_a_half_written_data_folder_is_refused_with_what_to_do(stand_in: Kafka, supervisor: Supervisor) -> None:
    stand_in.home.mkdir()
    with pytest.raises(Failure, match=r"is not a whole Kafka data folder: .*rm -r "):
        await stand_in.prepare(supervisor.once, "4.3.1")


async def test_data_of_a_newer_kafka_are_refused_and_of_an_older_one_are_taken(
    stand_in: Kafka, supervisor: Supervisor
) -> None:
    whole(stand_in, "4.10.0")
    with pytest.raises(Failure, match=r"was written by Kafka 4.10.0, newer than this 4.3.1"):
        await stand_in.prepare(supervisor.once, "4.3.1")
    (stand_in.home / "version").write_text("4.2.0")
    await stand_in.prepare(supervisor.once, "4.3.1")
    assert (stand_in.home / "version").read_text() == "4.3.1"


async def test_moving_a_stack_to_other_ports_moves_its_broker(stand_in: Kafka, supervisor: Supervisor) -> None:
    whole(stand_in, "4.3.1")
    await stand_in.prepare(supervisor.once, "4.3.1")
    settings = (stand_in.home / "server.properties").read_text()
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:7421\n" in settings
    assert "controller.quorum.voters=1@127.0.0.1:7422\n" in settings


@pytest.mark.parametrize(("many", "replicas", "in_sync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (4, 3, 2)])
async def test_a_cluster_keeps_three_copies_at_most_and_can_lose_one_of_them(
    stand_in: Kafka, supervisor: Supervisor, many: int, replicas: int, in_sync: int
) -> None:
    nodes = cluster(stand_in.java, stand_in.jars, stand_in.home, Ports(8000).kafka(many))
    assert (nodes[0].home, nodes[0].port) == (stand_in.home, 8021)
    for number, node in enumerate(nodes, 1):
        whole(node, "4.3.1")
        await node.prepare(supervisor.once, "4.3.1")
        settings = (node.home / "server.properties").read_text().splitlines()
        assert f"node.id={number}" in settings
        assert f"default.replication.factor={replicas}" in settings
        assert f"offsets.topic.replication.factor={replicas}" in settings
        assert f"min.insync.replicas={in_sync}" in settings
        voters = ",".join(f"{one}@127.0.0.1:{8020 + 2 * one}" for one in range(1, many + 1))
        assert f"controller.quorum.voters={voters}" in settings


def test_topics_keep_everything_and_come_from_the_catalogue_only() -> None:
    assert SETTINGS["log.retention.ms"] == "-1"
    assert SETTINGS["auto.create.topics.enable"] == "false"
    assert SETTINGS["message.max.bytes"] == "1048576"


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ('openjdk version "11.0.2" 2019', r"needs Java 17 or newer and .* is Java 11: install Java 17"),
        ('java version "1.8.0_292"', r"is Java 8: install Java 17"),
        ("what?", "does not tell its version: install Java 17"),
    ],
)
def test_a_java_that_is_too_old_is_refused_with_what_to_install(tmp_path: Path, told: str, sentence: str) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    java.chmod(0o755)
    with pytest.raises(Failure, match=sentence):
        require_java({"PATH": str(tmp_path)})


def test_a_missing_java_is_refused_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"needs Java and there is none on PATH: install Java 17 .*apt-get install"):
        require_java({"PATH": str(tmp_path)})
    with pytest.raises(Failure, match=r"JAVA_HOME is /nowhere and holds none"):
        require_java({"PATH": os.environ["PATH"], "JAVA_HOME": "/nowhere"})


async def test_a_missing_maven_is_refused_with_what_to_install(tmp_path: Path, supervisor: Supervisor) -> None:
    with pytest.raises(Failure, match="mvn is missing: install it"):
        await jars(POM, tmp_path / "cache", supervisor.once, {"PATH": str(tmp_path)}, print)


async def test_a_fetch_that_fails_leaves_no_half_cache(tmp_path: Path, supervisor: Supervisor) -> None:
    maven = tmp_path / "mvn"
    maven.write_text(f"#!/bin/sh\nmkdir -p {tmp_path}/cache/half; echo '[ERROR] no network'; exit 1\n")
    maven.chmod(0o755)
    with pytest.raises(Failure, match=r"(?s)could not fetch Apache Kafka: check the network.*no network"):
        await jars(POM, tmp_path / "cache", supervisor.once, {"PATH": f"{tmp_path}:/bin"}, print)
    assert not list((tmp_path / "cache").glob("4.*"))


async def test_jars_are_fetched_once_and_again_when_the_pom_changes(tmp_path: Path, supervisor: Supervisor) -> None:
    pom, calls = tmp_path / "pom.xml", tmp_path / "calls"
    pom.write_bytes(POM.read_bytes())
    maven = tmp_path / "mvn"
    maven.write_text(
        f"#!/bin/sh\necho call >> {calls}\n"
        "for word; do case $word in -DoutputDirectory=*) to=${word#*=};; esac; done\n"
        'mkdir -p "$to" && touch "$to/kafka.jar"\n'
    )
    maven.chmod(0o755)
    environ, told = {"PATH": f"{tmp_path}:/bin:/usr/bin"}, list[str]()
    first = await jars(pom, tmp_path / "cache", supervisor.once, environ, told.append)
    assert (first / "kafka.jar").exists()
    assert await jars(pom, tmp_path / "cache", supervisor.once, environ, told.append) == first
    assert len(told) == 1
    pom.write_text(pom.read_text().replace("1.7.36", "1.7.35"))
    assert await jars(pom, tmp_path / "cache", supervisor.once, environ, told.append) != first
    assert calls.read_text().split() == ["call", "call"]


def test_the_pom_pins_kafka_and_names_no_repository() -> None:
    assert pinned_version(POM).count(".") == 2
    assert "<repositor" not in POM.read_text()


def test_a_pom_without_a_version_is_refused(tmp_path: Path) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text('<project xmlns="http://maven.apache.org/POM/4.0.0"/>')
    with pytest.raises(Failure, match=r"does not pin kafka.version"):
        pinned_version(pom)
