"""How many things an API creates a second, each with its event, against pgbench doing the same inserts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvicorn

from backbone.process import server_config
from backbone.rows import new_id
from reliefpath.vocabulary import Role
from stack.keys import Keys
from stack.ports import free_ports
from tests.benchmarks.ground import PATIENCE, Ground, Size, Void
from tests.support.visiting.routes import router
from tests.support.visiting.served import serving

CONNECTIONS: Final = 64
FACILITY: Final = "00000000-0000-4000-8000-000000000001"
COUNTS: Final = ("visits", "backbone.outbox", "backbone.audit", "backbone.idempotency", "backbone.journey_facilities")
SAME: Final = """
\\set bucket random(0, 15)
BEGIN;
INSERT INTO backbone.idempotency (subject, key, request, status, headers, body)
VALUES ('coordinator-bench', gen_random_uuid()::text, repeat('a', 64), 201, '{"ETag": "1", "Location": "/visits/1"}', convert_to(repeat('b', 600), 'UTF8'));
SELECT gen_random_uuid() AS journey \\gset
INSERT INTO backbone.streams (stream, seq) VALUES (:journey, 1);
INSERT INTO backbone.journey_facilities (journey, facility) VALUES (:journey, 'FACILITY');
INSERT INTO visits (id, version, created_at, updated_at, journey, state, chairs)
VALUES (gen_random_uuid(), 1, now(), now(), :journey, 'planned', 1);
INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)
VALUES (:bucket, gen_random_uuid(), 'reliefpath.referral', :journey, 1, repeat('c', 520), convert_to(repeat('d', 60), 'UTF8'));
INSERT INTO backbone.audit (at, actor, action, resource, resource_id, journeys, after, cause)
VALUES (now(), 'coordinator-bench', 'plan', 'visit', gen_random_uuid(), ARRAY[CAST(:journey AS uuid)], 'planned', 'request-x');
COMMIT;
""".replace("FACILITY", FACILITY)  # noqa: E501 - pgbench takes a statement as it stands


async def counts(ground: Ground) -> list[int]:
    """How many rows of each kind there are."""
    connection = await ground.connect()
    try:
        return [int(await connection.fetchval(f"SELECT count(*) FROM {table}")) for table in COUNTS]
    finally:
        await connection.close()


async def create(ground: Ground, count: int) -> float:
    """Creations a second over 64 connections that are kept, each with a new key; the client is this process."""
    port = free_ports(1)[0]
    environment = {**os.environ, "BENCH": f"{ground.address} {ground.keys.folder} {port}"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.benchmarks.creating", env=environment)
    token = ground.keys.token(Role.COORDINATOR, "bench", (FACILITY,))
    try:
        connections = [await _connected(port) for _ in range(CONNECTIONS)]
        await asyncio.gather(*(_post(*one, token, 3) for one in connections))  # to get warm
        before, share = await counts(ground), count // CONNECTIONS
        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(_post(*one, token, share) for one in connections))
        took = time.perf_counter() - started
        for _, writer in connections:
            writer.close()
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
    _require(before, await counts(ground), share * CONNECTIONS)
    return share * CONNECTIONS / took


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    deadline = time.monotonic() + 30
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, times: int) -> None:
    body = b'{"chairs": 1}'
    for _ in range(times):
        head = (
            f"POST /visits HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {new_id()}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        shown = await reader.readexactly(int(length[1]) if length else 0)
        if not answer.startswith(b"HTTP/1.1 201"):
            raise Void(f"a creation was refused: {answer[:40]!r} {shown[:200]!r}")


async def pgbench(ground: Ground, count: int) -> float:
    """Transactions a second of pgbench, prepared, over as many connections."""
    script = ground.folder / "same.sql"
    script.write_text(SAME)
    before, share = await counts(ground), count // CONNECTIONS
    process = await asyncio.create_subprocess_exec(
        str(ground.installation.binaries / "pgbench"), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1",
        "-t", str(share), "-f", str(script), ground.address, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    found = re.search(rb"tps = ([0-9.]+)", told)
    _require(before, await counts(ground), share * CONNECTIONS)
    if found is None:
        raise Void("pgbench did not say how fast it was")
    return float(found[1])


def _require(before: list[int], after: list[int], more: int) -> None:
    if [one - other for one, other in zip(after, before, strict=True)] != [more] * len(COUNTS):
        raise Void("not every creation left each of its rows once")


async def http_create(ground: Ground, size: Size, turn: int) -> dict[str, float]:
    """The API in one process, and pgbench, one after the other."""
    figures: dict[str, float] = {}

    async def ours() -> None:
        await ground.empty()
        figures["API"] = await create(ground, size.created)

    async def bare() -> None:
        await ground.empty()
        figures["pgbench"] = await pgbench(ground, size.created)

    for arm in (ours, bare) if turn % 2 else (bare, ours):
        await arm()
    return figures


async def _serve() -> None:
    address, folder, port = os.environ["BENCH"].split()
    async with serving(address, Keys(Path(folder)), [router]) as served:
        settings = served.app.state.settings.model_copy(update={"http_port": int(port)})
        await uvicorn.Server(server_config(served.edge, settings, lifespan="off")).serve()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
