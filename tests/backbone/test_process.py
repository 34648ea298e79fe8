"""What runs: it refuses to start with one sentence, tells how it is, and ends in order."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from structlog.testing import capture_logs

from backbone import process
from backbone.process import NotReady, Service, lifecycle_table
from backbone.settings import Settings
from backbone.topics import main as create_topics
from reliefpath.vocabulary import Profile, Role
from stack.keys import Keys
from tests.support.databases import Databases
from tests.support.processes import PATIENCE, api, connections, environment, running
from tests.support.servers import finish
from tests.support.visiting.lifecycle import VISIT
from tests.support.visiting.served import serving

AT_ONCE: Final = 10.0
"""Seconds in which a process has to end once it is told to."""

SERVICE: Final = Service("operations", "operations")

Database = Callable[[str], str]


def refusal(module: str, given: dict[str, str]) -> str:
    """What a process says that must not start; it has to be one sentence, and all that it says."""
    done = subprocess.run([sys.executable, "-m", module], env=given, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert not line.startswith("{")
    return line


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("api", {}, "operations api: RELIEFPATH_DATABASE_OPERATIONS is not set"),
        ("api", {"database_operations": "postgresql://x/y"}, "operations api: RELIEFPATH_ISSUER is not set"),
        ("worker", {}, "operations worker: RELIEFPATH_DATABASE_OPERATIONS is not set"),
    ],
)
def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: str, given: dict[str, str], said: str
) -> None:
    for name in [name for name in os.environ if name.startswith("RELIEFPATH_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(f"RELIEFPATH_{name.upper()}", value)
    with pytest.raises(SystemExit, match=f"^{said}$"):
        process._settings(kind, SERVICE)


def test_every_wrong_setting_is_named_at_once_and_none_is_quoted() -> None:
    wrong = {"database_operations": "my database", "http_port": "many", "log_level": "chatty"}
    told = refusal("operations.worker", environment(**wrong))
    assert all(f"RELIEFPATH_{name.upper()}: " in told for name in wrong)
    assert not any(value in told for value in wrong.values())


async def test_a_worker_without_a_broker_to_go_to_does_not_start() -> None:
    settings = Settings(database_operations="postgresql://127.0.0.1:1/none", kafka="")
    with pytest.raises(LookupError, match="RELIEFPATH_KAFKA is not set"):
        await process._Worker(SERVICE, settings).run()


async def test_a_worker_waits_for_no_client_that_does_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = process._Worker(SERVICE, Settings(database_operations="postgresql://127.0.0.1:1/none", kafka=""))
    monkeypatch.setattr(worker._producer, "stop", lambda: asyncio.sleep(60))
    async with asyncio.timeout(5):
        with pytest.raises(LookupError):
            await worker.run()


async def test_keys_that_cannot_be_read_are_said_to_be_so(tmp_path: Path) -> None:
    empty = tmp_path / "jwks.json"
    empty.write_text("{}")
    for place in (tmp_path / "none", empty, "https://127.0.0.1:1/jwks"):
        settings = Settings(jwks=str(place), issuer="https://issuer.invalid")
        with pytest.raises(NotReady, match="RELIEFPATH_JWKS"):
            await process._keys_are_there(settings)


async def test_a_database_that_does_not_answer_is_said_to_be_away() -> None:
    settings = Settings(database_operations="postgresql://127.0.0.1:1/none")
    with pytest.raises(NotReady, match="The operations database does not answer"):
        await process._may_start(SERVICE, settings, process._database(SERVICE, settings))


@pytest.mark.parametrize("module", ["operations.app", "operations.worker"])
def test_nothing_starts_on_a_database_without_its_migrations(module: str, empty_database: Database, keys: Keys) -> None:
    given = api(keys, database_operations=empty_database("operations"), kafka="127.0.0.1:1")
    assert "run `python -m backbone.migrate operations` first" in refusal(module, given)


def test_a_production_profile_refuses_a_development_key(database: Database, keys: Keys) -> None:
    told = refusal("operations.app", api(keys, profile="production", database_operations=database("operations")))
    assert "development key" in told


@pytest.fixture
def issued(keys: Keys, tmp_path: Path) -> Path:
    """Public keys that no development made."""
    place = tmp_path / "jwks.json"
    place.write_text(keys.jwks.read_text().replace("development-", "issued-"))
    return place


def test_a_production_profile_refuses_a_shifted_clock(databases: Databases, keys: Keys, issued: Path) -> None:
    address = databases.migrated("operations")
    finish(_execute(address, "UPDATE backbone.clock SET shift = interval '1 second'"))
    told = refusal("operations.app", api(keys, profile="production", jwks=issued, database_operations=address))
    assert told == "The clock of this database is shifted; a production profile refuses it."
    databases.drop(address)


def test_a_production_profile_refuses_records_that_nobody_approved(
    database: Database, keys: Keys, issued: Path
) -> None:
    given = api(keys, profile="production", jwks=issued, database_followup=database("followup"))
    assert "approved" in refusal("followup.app", given)


@pytest.mark.parametrize("service", ["referral", "scheduling", "followup"])
@pytest.mark.parametrize("kind", ["app", "worker"])
def test_whoever_decides_by_records_refuses_unapproved_ones(service: str, kind: str) -> None:
    card: Service = importlib.import_module(f"{service}.{kind}").SERVICE
    assert card.prepare is not None
    with pytest.raises(LookupError, match="approved"):
        card.prepare(Settings(profile=Profile.PRODUCTION))
    card.prepare(Settings(profile=Profile.DEVELOPMENT))


def test_an_api_tells_how_it_is_and_ends_in_order(
    database: Database, databases: Databases, keys: Keys, tmp_path: Path
) -> None:
    address = database("operations")
    given = api(keys, database_operations=address, instance="api-under-test")
    with running("operations.app", given, tmp_path) as started:
        assert started.until(lambda answer: answer.status_code == 200).json() == {"status": "ready"}
        assert started.get("/livez").json() == {"status": "alive"}
        assert "reliefpath_http_seconds_bucket" in started.get("/metrics").text
        assert started.terminate() < (0, AT_ONCE)
        assert started.group_is_gone
        assert [line for line in started.told if line["level"] == "error"] == []
    assert connections(address, "api-under-test") == 0


def test_a_worker_tells_how_it_is_and_ends_in_order(
    database: Database, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    create_topics()
    address = database("operations")
    given = environment(database_operations=address, kafka=kafka, instance="worker-under-test")
    with running("operations.worker", given, tmp_path) as started:
        started.until(lambda answer: answer.json() == {"status": "ready"})
        assert started.get("/livez").status_code == 200
        assert "reliefpath_loop_lag_seconds" in started.get("/metrics").text
        assert started.terminate() < (0, AT_ONCE)
        assert started.group_is_gone
    assert connections(address, "worker-under-test") == 0


def test_without_kafka_a_worker_is_ready_and_says_that_it_is_degraded_and_still_ends_in_order(
    database: Database, tmp_path: Path
) -> None:
    given = environment(database_operations=database("operations"), kafka="127.0.0.1:1", kafka_timeout=1)
    with running("operations.worker", given, tmp_path) as started:
        answer = started.until(lambda answer: answer.status_code == 200).json()
        assert answer["status"] == "ready"
        assert "Kafka does not answer" in answer["degraded"]
        ended, seconds = started.terminate()
        assert (ended, seconds < AT_ONCE) == (0, True)


UNSENDABLE: Final = """
INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)
SELECT 0, gen_random_uuid(), 'reliefpath.referral', gen_random_uuid(), 1, '[]', string_agg(sha256(n::text::bytea), '')
FROM generate_series(1, 50000) n
"""
"""More than Kafka takes, put into the outbox by another hand: no client can ever send it."""


def relaying(address: str, kafka: str) -> dict[str, str]:
    """The environment of a worker that soon misses that anything is sent."""
    return environment(
        profile="development", database_referral=address, kafka=kafka, kafka_timeout=2, watchdog=1, instance="relaying"
    )


def test_a_worker_that_sends_nothing_while_kafka_answers_ends_and_says_why(
    databases: Databases, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    create_topics()
    address = databases.migrated("referral")
    finish(_execute(address, UNSENDABLE))
    with running("referral.worker", relaying(address, kafka), tmp_path) as started:
        assert started.ended() not in {0, -signal.SIGKILL}
        told = (tmp_path / "referral.worker.log").read_text()
        assert told.count("the relay stood still and is rebuilt") == 1
        assert "The relay ended, and so does this process." in told
    databases.drop(address)


def test_a_worker_that_sends_nothing_because_kafka_is_away_stays_and_is_degraded(
    databases: Databases, tmp_path: Path
) -> None:
    address = databases.migrated("referral")
    finish(_execute(address, UNSENDABLE))
    with running("referral.worker", relaying(address, "127.0.0.1:1"), tmp_path) as started:
        deadline = time.monotonic() + PATIENCE
        while sum("waits for Kafka" in line["event"] for line in started.told) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        answer = started.until(lambda answer: answer.status_code == 200).json()
        assert "Kafka does not answer" in answer["degraded"]
        assert started.terminate()[0] == 0
    databases.drop(address)


async def test_an_api_whose_background_task_fails_ends(
    address: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[int] = []

    async def fail(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(process.Nudge, "run", fail)
    monkeypatch.setattr(process.signal, "raise_signal", raised.append)
    with pytest.raises(ZeroDivisionError):
        async with serving(address, keys):
            await asyncio.sleep(0.05)
    assert raised == [signal.SIGTERM]


FAILING = """
from backbone import process

async def fail(_):
    raise ZeroDivisionError

process.Nudge.run = fail

from scheduling.app import main
main()
"""


def test_an_api_that_ends_because_of_a_failure_says_so_by_its_exit_code(
    databases: Databases, keys: Keys, tmp_path: Path
) -> None:
    address = databases.migrated("scheduling")
    (tmp_path / "failing.py").write_text(FAILING)
    given = api(keys, database_scheduling=address) | {"PYTHONPATH": str(tmp_path)}
    with running("failing", given, tmp_path) as started:
        assert started.ended() == 1
    databases.drop(address)


async def test_the_end_of_one_task_ends_the_process_and_all_the_others() -> None:
    ended: list[str] = []

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("lasting")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with capture_logs() as told, pytest.raises(NotReady, match="The failing ended"):
        await process._until_stopped({"lasting": lasting(), "failing": failing()})
    assert ended == ["lasting"]
    assert [line["task"] for line in told] == ["failing"]


async def test_a_task_that_merely_returns_ends_the_process_too() -> None:
    with pytest.raises(NotReady, match="The returning ended"):
        await process._until_stopped({"returning": asyncio.sleep(0)})


async def test_a_signal_ends_every_task_in_peace() -> None:
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    waiting = asyncio.Event()

    async def lasting() -> None:
        await waiting.wait()

    await process._until_stopped({"lasting": lasting()})


async def test_the_transition_tables_are_shown_as_data(address: str, keys: Keys) -> None:
    async with serving(address, keys) as served:
        assert (await served.client.get("/lifecycles")).json() == [lifecycle_table(VISIT)]
    shown = lifecycle_table(VISIT)
    assert shown["terminal"] == ["done", "dropped"]
    assert {one["action"] for one in shown["transitions"]} == {one.action for one in VISIT.transitions}
    finish_row = next(one for one in shown["transitions"] if one["action"] == "finish")
    assert finish_row["guards"] == ["place_is_known", "chairs_are_left", "one_chair_is_little"]
    assert finish_row["by"] == sorted([Role.CLINICIAN, Role.COORDINATOR])


async def test_a_persons_try_through_an_api_is_no_harsher_than_a_workers(address: str, keys: Keys) -> None:
    async with serving(address, keys, handler_tries=4) as served:
        assert served.app.state.hearer._tries == 4


async def test_the_pages_of_health_and_development_are_no_part_of_the_described_api(address: str, keys: Keys) -> None:
    async with serving(address, keys) as served:
        described = (await served.client.get("/openapi.json")).json()["paths"]
    assert not {path for path in described if path.startswith(("/livez", "/readyz", "/metrics", "/development"))}
    assert "/streams/lag" in described
