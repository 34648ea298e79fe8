"""How a process says it is. What workers say is tried on real ones, in `test_worker.py`."""

from __future__ import annotations

from backbone.database import Database
from stack.keys import Keys
from tests.support.databases import Databases, execute
from tests.support.servers import Server
from tests.support.visiting.served import serving
from tests.support.visiting.world import rows


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


async def test_where_nothing_can_be_written_an_api_is_not_ready(databases: Databases, keys: Keys, address: str) -> None:
    name, owner = address.rpartition("/")[2], databases.cluster.address("postgres")
    async with serving(address, keys) as served:
        execute(owner, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        execute(owner, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        answer = await served.client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        execute(owner, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        execute(owner, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        answer = await served.client.get("/readyz")
        assert answer.status_code == 200, "a connection that was cut while it lay idle is no reason"


async def test_being_asked_whether_it_is_ready_changes_nothing(keys: Keys, address: str, db: Database) -> None:
    seen = "SELECT xmin::text, shift FROM backbone.clock"
    before = await rows(db, seen)
    async with serving(address, keys) as served:
        assert (await served.client.get("/readyz")).status_code == 200
    assert await rows(db, seen) == before
