"""The order in which a stack comes up."""

from __future__ import annotations

import dataclasses
import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.assembly import SERVER_RANK, SERVICE_RANK, assemble
from stack.failure import Failure, first_failure
from stack.folder import DataFolder
from stack.plan import CHECKOUT
from stack.ports import HOST, Ports
from stack.report import Report
from stack.supervisor import Supervisor, answers_ready
from tests.support.processes import environment
from tests.support.standins import StandInPlan, free_span


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "logs")
    yield made
    await made.stop()


def within(folder: Path) -> StandInPlan:
    folder.mkdir(exist_ok=True)
    return StandInPlan.beside(folder)


async def test_everything_given_only_services_are_started_and_all_are_ready(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    plan, stream = within(tmp_path / "var"), io.StringIO()
    await assemble(plan, supervisor, Report(stream))
    assert len(supervisor.watched) == 8
    assert {watched.rank for watched in supervisor.watched} == {SERVICE_RANK}
    assert all([await answers_ready(plan.ports.api(service)) for service in plan.addresses])
    assert "services 8 of 8 processes ready" in stream.getvalue()
    assert "everything is ready after" in stream.getvalue()


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("topics", r"topics ended with code 1: the topics could not be created: refused"),
        ("followup-migrations", r"followup-migrations .* could not be brought to its newest form: refused"),
        ("scheduling-worker", r"scheduling-worker ended with code 1 while starting: no table"),
    ],
)
async def test_what_fails_first_is_named_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor, broken: str, sentence: str
) -> None:
    plan = dataclasses.replace(within(tmp_path / "var"), broken=broken)
    with pytest.raises(ExceptionGroup) as failed:
        await assemble(plan, supervisor, Report(io.StringIO()))
    failure = first_failure(failed.value)
    assert failure is not None
    assert failure.args[0].startswith(broken)
    with pytest.raises(Failure, match=sentence):
        raise failure


async def test_a_port_in_use_stops_the_start_before_anything_runs(tmp_path: Path, supervisor: Supervisor) -> None:
    plan = within(tmp_path / "var")
    with socket.socket() as listener:
        listener.bind((HOST, plan.ports.worker("followup")))
        listener.listen()
        with pytest.raises(Failure, match=rf"Port in use: {plan.ports.worker('followup')} \(followup worker; taken by"):
            await assemble(plan, supervisor, Report(io.StringIO()))
    assert supervisor.watched == []


@pytest.mark.db
@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_our_own_servers_come_up_together_and_the_second_start_finds_their_data(open_folder: Path) -> None:
    folder = DataFolder(open_folder / "var")
    folder.path.mkdir()
    plan = StandInPlan(environment(), CHECKOUT, folder, Ports(free_span()))
    told = []
    for _ in range(2):
        supervisor, stream = Supervisor(folder.logs), io.StringIO()
        try:
            await assemble(plan, supervisor, Report(stream))
            servers = [watched.process.name for watched in supervisor.watched if watched.rank == SERVER_RANK]
            assert sorted(servers) == ["kafka", "postgres"]
        finally:
            await supervisor.stop()
        told.append(stream.getvalue())
    assert all("PostgreSQL 18" in text and "Apache Kafka 4" in text for text in told)
    assert ["migrations of 4 databases" in text for text in told] == [True, False]

    (folder.postgres / "cluster.json").unlink()
    supervisor = Supervisor(folder.logs)
    with pytest.raises(ExceptionGroup) as refused:
        await assemble(plan, supervisor, Report(io.StringIO()))
    await supervisor.stop()
    assert "is not a whole PostgreSQL data folder" in str(first_failure(refused.value))
