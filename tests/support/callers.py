"""Callers of one API process that do what no client library lets them do: leave at any byte, dawdle, never stop."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2

from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.processes import Running, api, running

INSTANCE: Final = "scheduling-under-test"
POOL: Final = 5
LONG: Final = 30.0
AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: what is not sent yet is thrown away, and the other side is told by a reset."""


@dataclass
class Answered:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """What it says, from JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """Which problem it tells."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.document["type"]).rpartition("/")[2]


@dataclass
class Served:
    """The scheduling API as a process, its database, and what its callers send."""

    process: Running
    database: str
    token: str

    def headers(self, key: str) -> dict[str, str]:
        """What comes with every request."""
        return {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key, "Content-Type": "application/json"}

    def listing(self, code: str, key: str = "", **more: object) -> bytes:
        """A whole request that lists a facility, under its code as key unless there is another."""
        body = json.dumps({"code": code, "kind": "clinic", **more}).encode()
        return self.head("/facilities", key or code, f"Content-Length: {len(body)}") + body

    def head(self, path: str, key: str, *more: str) -> bytes:
        """The head of a POST."""
        lines = [f"POST {path} HTTP/1.1", "Host: x", *(f"{name}: {one}" for name, one in self.headers(key).items())]
        return "\r\n".join([*lines, *more, "", ""]).encode()

    async def ask(self, request: bytes) -> Answered:
        """What is answered to this."""
        async with self.connected() as (reader, writer):
            writer.write(request)
            return await answered(reader)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection of one's own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.process.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def leave_after(self, sent: bytes, *, at_once: bool) -> None:
        """Send this and go away, with a farewell or without one."""
        loop = asyncio.get_running_loop()
        with socket.socket() as one:
            one.setblocking(False)
            await loop.sock_connect(one, ("127.0.0.1", self.process.port))
            await loop.sock_sendall(one, sent)
            if at_once:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)

    async def value(self, query: str, *given: object) -> Any:
        """The one value a query finds in its database."""
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query, *given)
        finally:
            await connection.close()

    async def at_work(self, state: str = "state <> 'idle'") -> int:
        """How many of its connections have a transaction open, or are in another state."""
        query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND {state}"
        return int(await self.value(query, INSTANCE))

    async def waiting_for_locks(self, many: int) -> None:
        """Until so many of its connections wait for a lock."""
        await self._until(lambda found: found == many, "wait_event_type = 'Lock'")

    async def at_rest(self) -> None:
        """Until no transaction of its is open."""
        await self._until(lambda found: found == 0, "state <> 'idle'")

    async def _until(self, holds: Any, state: str) -> None:
        async with asyncio.timeout(LONG):
            while not holds(await self.at_work(state)):
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[None]:
        """As long as this lasts, nobody can list a facility: its table is locked."""
        connection = await asyncpg.connect(self.database)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE facilities IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await connection.close()

    async def has_its_whole_pool(self) -> None:
        """As many requests as there are connections are worked on at once, and answered."""
        name = f"whole-{await self.value('SELECT count(*) FROM facilities')}"
        async with asyncio.TaskGroup() as tasks, self.standing_still():
            asked = [tasks.create_task(self.ask(self.listing(f"{name}-{number}"))) for number in range(POOL)]
            await self.waiting_for_locks(POOL)
        assert [one.result().status for one in asked] == [201] * POOL

    def client(self, **limits: int) -> httpx2.AsyncClient:
        """A usual client."""
        return httpx2.AsyncClient(base_url=self.process.address, timeout=LONG, limits=httpx2.Limits(**limits))


@contextmanager
def serving(address: str, keys: Keys, folder: Path, **settings: object) -> Iterator[Served]:
    """The scheduling API over this database."""
    usual: dict[str, object] = {
        "database_scheduling": address,
        "database_connections": POOL,
        "instance": INSTANCE,
        "log_level": "WARNING",
    }
    with running("scheduling.app", api(keys, **{**usual, **settings}), folder) as process:
        process.ready()
        yield Served(process, address, keys.token(Role.OPERATIONS, "operations-1", ["*"]))


async def answered(reader: asyncio.StreamReader) -> Answered:
    """The next answer on a connection."""
    async with asyncio.timeout(LONG):
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answered(int(line.split()[1]), headers, body)


async def cut_off(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the other side closes the connection."""
    async with asyncio.timeout(LONG):
        try:
            return await reader.read()
        except ConnectionError:
            return b""
