"""A process of a service: it refuses to start with one sentence, and runs until it is told to end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from backbone.process import NotReady, database_for, require_ready, run_until_stopped, settings_for
from backbone.service import Service
from backbone.settings import Settings
from stack.keys import Keys
from tests.support.databases import Databases, execute
from tests.support.processes import api, environment, refusal

SERVICE: Final = Service("operations", "operations")

Database = Callable[[str], str]


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
        settings_for(kind, SERVICE)


def test_every_wrong_setting_is_named_at_once_and_none_is_quoted() -> None:
    wrong = {"database_operations": "my database", "http_port": "many", "log_level": "chatty"}
    told = refusal("operations.worker", environment(**wrong))
    assert all(f"RELIEFPATH_{name.upper()}: " in told for name in wrong)
    assert not any(value in told for value in wrong.values())


async def test_a_database_that_does_not_answer_is_said_to_be_away() -> None:
    settings = Settings(database_operations="postgresql://127.0.0.1:1/none")
    with pytest.raises(NotReady, match="The operations database does not answer"):
        await require_ready(SERVICE, settings, database_for(SERVICE, settings))


@pytest.mark.parametrize("module", ["operations.app", "operations.worker"])
def test_nothing_starts_on_a_database_without_its_migrations(module: str, empty_database: Database, keys: Keys) -> None:
    given = api(keys, database_operations=empty_database("operations"), kafka="127.0.0.1:1")
    assert "run `python -m backbone.migrate operations` first" in refusal(module, given)


@pytest.fixture
def issued(keys: Keys, tmp_path: Path) -> Path:
    """Public keys that no development made."""
    place = tmp_path / "jwks.json"
    place.write_text(keys.jwks.read_text().replace("development-", "issued-"))
    return place


def test_a_production_profile_refuses_a_shifted_clock(databases: Databases, keys: Keys, issued: Path) -> None:
    address = databases.migrated("operations")
    execute(address, "UPDATE backbone.clock SET shift = interval '1 second'")
    told = refusal("operations.app", api(keys, profile="production", jwks=issued, database_operations=address))
    assert told == "The clock of this database is shifted; a production profile refuses it."
    databases.drop(address)


def test_a_production_profile_refuses_records_that_nobody_approved(
    database: Database, keys: Keys, issued: Path
) -> None:
    given = api(keys, profile="production", jwks=issued, database_followup=database("followup"))
    assert "approved" in refusal("followup.app", given)


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
        await run_until_stopped({"lasting": lasting(), "failing": failing()})
    assert ended == ["lasting"]
    assert [line["task"] for line in told] == ["failing"]


async def test_a_task_that_merely_returns_ends_the_process_too() -> None:
    with pytest.raises(NotReady, match="The returning ended"):
        await run_until_stopped({"returning": asyncio.sleep(0)})


async def test_a_signal_ends_every_task_in_peace() -> None:
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    waiting = asyncio.Event()

    async def lasting() -> None:
        await waiting.wait()

    await run_until_stopped({"lasting": lasting()})
