"""How a process says it is. What workers say is tried on real ones, in `test_worker.py`."""

from __future__ import annotations

from stack.keys import Keys
from tests.support.databases import Databases
from tests.support.servers import Server
from tests.support.visiting.served import serving


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
