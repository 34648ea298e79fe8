"""Servers in containers are killed and started again on their data, as embedded ones are, and leave nothing behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stack.failure import Failure
from tests.support import containers as subject
from tests.support.compose import docker
from tests.support.containers import LABEL, ContainerServers
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def contained(engine: None) -> Iterator[ContainerServers]:
    """Servers in containers, whatever the other tests run on."""
    made = ContainerServers()
    yield made
    made.close()


def left(servers: Servers) -> list[str]:
    """The containers of these servers."""
    return docker("ps", "--all", "--quiet", f"--filter=label={LABEL}={servers.folder}").split()


async def test_postgresql_is_killed_and_has_what_was_committed(contained: ContainerServers) -> None:
    cluster, server = contained.postgres
    address = (await cluster.provide(["referral"]))["referral"]
    connection = await asyncpg.connect(address)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    await server.kill()
    assert not server.running
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await asyncpg.connect(address, timeout=2)
    await server.start()
    again = await asyncpg.connect(address)
    assert await again.fetchval("SELECT one FROM kept") == 1
    await again.close()
    connection.terminate()


async def test_kafka_is_killed_and_has_what_was_acknowledged(contained: ContainerServers) -> None:
    broker, server = contained.kafka
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all")
    await producer.start()
    await producer.send_and_wait("kept", b"acknowledged")
    await producer.stop()
    await server.kill()
    await server.start()
    consumer = AIOKafkaConsumer("kept", bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await consumer.start()
    assert (await consumer.getone()).value == b"acknowledged"
    await consumer.stop()


def test_they_listen_on_this_machine_only(contained: ContainerServers) -> None:
    assert contained.postgres
    published = [docker("port", one).strip().partition(" -> ")[2] for one in left(contained)]
    assert published
    assert all(one.startswith("127.0.0.1:") for one in published)


def test_what_a_run_that_was_killed_left_behind_is_swept_up(engine: None) -> None:
    killed = ContainerServers()
    assert killed.postgres
    assert len(left(killed)) == 1
    killed._lock.close()
    shutil.rmtree(killed.folder)
    ContainerServers().close()
    assert left(killed) == []


def test_a_choice_that_does_not_exist_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_TEST_WITH", "podman")
    with pytest.raises(Failure, match=r"^RELIEFPATH_TEST_WITH is 'podman': it takes embedded"):
        subject.servers()
    monkeypatch.setenv("RELIEFPATH_TEST_WITH", "docker")
    monkeypatch.setattr(subject, "no_engine", lambda: "no Docker engine answers")
    with pytest.raises(Failure, match=r"^RELIEFPATH_TEST_WITH=docker, and no Docker engine answers"):
        subject.servers()
    monkeypatch.delenv("RELIEFPATH_TEST_WITH")
    chosen = subject.servers()
    assert type(chosen) is Servers
    chosen.close()
