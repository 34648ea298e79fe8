"""The API of a service: it refuses keys that it cannot trust, tells how it is, and ends in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backbone.api import require_keys
from backbone.nudge import Nudge
from backbone.process import NotReady
from backbone.rows import new_id
from backbone.settings import Settings
from stack.keys import Keys
from tests.support.databases import Databases
from tests.support.processes import AT_ONCE, api, connections, refusal, running
from tests.support.visiting.served import serving
from tests.support.visiting.world import received, unit

Database = Callable[[str], str]


async def test_keys_that_cannot_be_read_are_said_to_be_so(tmp_path: Path) -> None:
    empty = tmp_path / "jwks.json"
    empty.write_text("{}")
    for place in (tmp_path / "none", empty, "https://127.0.0.1:1/jwks"):
        settings = Settings(jwks=str(place), issuer="https://issuer.invalid")
        with pytest.raises(NotReady, match="RELIEFPATH_JWKS"):
            await require_keys(settings)


def test_a_production_profile_refuses_a_development_key(database: Database, keys: Keys) -> None:
    told = refusal("operations.app", api(keys, profile="production", database_operations=database("operations")))
    assert "development key" in told


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


async def test_an_api_stays_ready_and_says_so_when_what_was_said_is_not_sent(
    db: Any, address: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(address, keys) as served:
        async with unit(db) as uow:
            uow.say(new_id(), received())
        assert (await served.client.get("/readyz")).json() == {"status": "ready"}, "it has hardly waited"
        monkeypatch.setattr("backbone.health.OVERDUE", 0.0)
        answer = await served.client.get("/readyz")
        assert answer.status_code == 200
        assert "events wait in the outbox" in answer.json()["degraded"]
        async with unit(db) as uow:
            await uow.session.execute(text("UPDATE backbone.cursors SET seen = pg_current_snapshot()"))
        assert (await served.client.get("/readyz")).json() == {"status": "ready"}


async def test_an_api_whose_background_task_fails_ends(
    address: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[int] = []

    async def fail(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Nudge, "run", fail)
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    with pytest.raises(ZeroDivisionError):
        async with serving(address, keys):
            await asyncio.sleep(0.05)
    assert raised == [signal.SIGTERM]


FAILING = """
from backbone.nudge import Nudge

async def fail(_):
    raise ZeroDivisionError

Nudge.run = fail

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


async def test_a_persons_try_through_an_api_is_no_harsher_than_a_workers(address: str, keys: Keys) -> None:
    async with serving(address, keys, handler_tries=4) as served:
        assert served.app.state.hearer._tries == 4


async def test_the_pages_of_health_and_development_are_no_part_of_the_described_api(address: str, keys: Keys) -> None:
    async with serving(address, keys) as served:
        described = (await served.client.get("/openapi.json")).json()["paths"]
    assert not {path for path in described if path.startswith(("/livez", "/readyz", "/metrics", "/development"))}
    assert "/streams/lag" in described
