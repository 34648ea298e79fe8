"""How a process says it is. What workers say is tried on real ones, in `test_worker.py`."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from backbone.rows import new_id
from stack.keys import Keys
from tests.support.databases import Databases
from tests.support.servers import Server
from tests.support.visiting.served import serving
from tests.support.visiting.world import received, unit


async def test_without_its_database_an_api_lives_but_is_not_ready_and_answers_503(
    databases: Databases, keys: Keys, address: str
) -> None:
    server: Server = databases.server
    async with serving(address, keys) as served:
        assert (await served.client.get("/readyz")).status_code == 200
        await server.kill()
        try:
            answer = await served.client.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
            assert (await served.client.get("/livez")).status_code == 200
            refused = await served.get("/streams/lag")
            assert (refused.status_code, refused.json()["title"]) == (503, "Not possible just now")
            assert int(refused.headers["Retry-After"]) > 0
        finally:
            await server.start()
        assert (await served.client.get("/readyz")).status_code == 200
        assert (await served.get("/streams/lag")).status_code == 200


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
