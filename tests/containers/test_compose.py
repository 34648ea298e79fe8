"""An installation of containers keeps every promise when one of its workers is killed, and when it is taken down."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from backbone.settings import Settings
from stack.keys import Keys
from tests.containers.conftest import MEASURED
from tests.reliability.checker import Place, check
from tests.reliability.visitors import Visitors
from tests.support.compose import Project, docker

PATIENCE = 60.0
READY = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:7400/readyz').read().decode())"
HEARD = 2 * Settings().topic_partitions
"""Partitions that scheduling hears: referral's and follow-up's."""


@pytest.fixture(scope="module")
def keys(project: Project) -> Keys:
    return project.keys()


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    """What people were told since the installation began."""
    return []


async def promises(project: Project, told: list[dict[str, Any]]) -> None:
    """Fail with every promise that does not hold."""
    assert await check(Place(project.databases, project.kafka, told)) == []


async def shares(project: Project) -> list[int]:
    """How many partitions each worker of scheduling has, as Kafka shared them out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=project.kafka)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups(["reliefpath.scheduling"])
        members = answer.groups[0][5]
        assigned = [ConsumerProtocolMemberAssignment.decode(member[4]).assignment for member in members if member[4]]
        return sorted(sum(len(partitions) for _, partitions in topics) for topics in assigned)
    finally:
        await admin.close()


async def until_shared(project: Project, *wanted: int) -> float:
    """Wait until partitions are shared out like this; after how many seconds."""
    began = time.monotonic()
    while (found := await shares(project)) != sorted(wanted):
        assert time.monotonic() - began < PATIENCE, f"{found} instead of {wanted}"
        await asyncio.sleep(0.5)
    return time.monotonic() - began


async def referred(project: Project) -> int:
    """How many referrals there are."""
    connection = await asyncpg.connect(project.databases["referral"])
    try:
        return int(await connection.fetchval("SELECT count(*) FROM referrals"))
    finally:
        await connection.close()


async def test_five_patients_get_through_while_a_worker_is_killed(
    project: Project, keys: Keys, told: list[dict[str, Any]]
) -> None:
    visitors = Visitors(project.addresses, keys)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(visitors.come(5))
        while len(visitors.visits) < 3:
            await asyncio.sleep(0.02)
        (worker,) = project.containers("scheduling-worker")
        docker("kill", "--signal=KILL", worker)
    told += visitors.history()
    assert [len(visit.done) for visit in visitors.visits] == [4] * 5
    project.up()
    await promises(project, told)


async def test_three_workers_share_the_work_and_two_take_over_from_a_third(
    project: Project, keys: Keys, told: list[dict[str, Any]]
) -> None:
    project.up("--scale=scheduling-worker=3")
    await until_shared(project, HEARD // 3, HEARD // 3, HEARD // 3)
    visitors = Visitors(project.addresses, keys)
    await visitors.come(5)
    docker("kill", "--signal=KILL", project.containers("scheduling-worker")[0])
    seconds = await until_shared(project, HEARD // 2, HEARD // 2)
    MEASURED.append(f"two workers took over from a killed third within {seconds:.0f} s")
    await visitors.come(2)
    told += visitors.history()
    await promises(project, told)
    project.up("--scale=scheduling-worker=1")
    await until_shared(project, HEARD)


async def test_a_second_up_changes_nothing_and_down_and_up_keep_the_data(
    project: Project, keys: Keys, told: list[dict[str, Any]]
) -> None:
    visitors = Visitors(project.addresses, keys)
    await visitors.come(1)
    told += visitors.history()
    await promises(project, told)
    before, there = project.compose("ps", "--quiet").split(), await referred(project)
    MEASURED.append(f"a second up in {project.up():.0f} s")
    assert sorted(project.compose("ps", "--quiet").split()) == sorted(before)
    project.down()
    assert project.compose("ps", "--all", "--quiet") == ""
    MEASURED.append(f"up again, with data, in {project.up():.0f} s")
    assert await referred(project) == there
    await visitors.come(1)  # with a token of the key that was kept
    told += visitors.history()[-1:]
    await promises(project, told)


def test_a_process_that_is_told_to_end_ends_well_within_its_grace(project: Project) -> None:
    (worker,), (api,) = project.containers("followup-worker"), project.containers("followup-api")
    project.compose("stop", "followup-worker", "followup-api")
    ended = [docker("inspect", "--format={{.State.ExitCode}}", one).strip() for one in (worker, api)]
    project.up()
    assert ended == ["0", "0"]


def test_without_its_database_a_process_is_unhealthy_and_stays_and_without_kafka_it_is_healthy(
    project: Project,
) -> None:
    project.compose("pause", "kafka")
    try:
        began = time.monotonic()
        while "degraded" not in project.compose("exec", "-T", "referral-worker", "python", "-c", READY):
            assert time.monotonic() - began < PATIENCE
            time.sleep(1)
        (worker,) = project.containers("referral-worker")
        assert docker("inspect", "--format={{.State.Health.Status}}", worker).strip() == "healthy"
    finally:
        project.compose("unpause", "kafka")
    project.compose("stop", "postgres")
    try:
        (api,) = project.containers("referral-api")
        began = time.monotonic()
        while docker("inspect", "--format={{.State.Health.Status}}", api).strip() != "unhealthy":
            assert time.monotonic() - began < PATIENCE
            time.sleep(1)
    finally:
        project.up()
    assert project.containers("referral-api") == [api], "it was not replaced"
    assert docker("inspect", "--format={{.RestartCount}}", api).strip() == "0"
