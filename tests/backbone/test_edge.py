"""The edge of an API: a number and a trace for whoever asks, a limit, and always an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any, Final

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from prometheus_client import generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from backbone.access import Caller
from backbone.actions import unit_of_work
from backbone.database import Database
from backbone.edge import Edge
from backbone.settings import Settings
from backbone.telemetry import REGISTRY, current_trace
from stack.keys import Keys
from stack.ports import free_ports
from tests.support.visiting.served import Served, serving
from tests.support.visiting.world import rows, value

LIMIT: Final = 2048
LARGER: Final = 8192
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NAME: Final = "Anna Meier"

router = APIRouter()


class Words(BaseModel):
    """A body that the framework reads."""

    words: str


@router.post("/echo")
@router.post("/larger")
async def echo(request: Request) -> dict[str, Any]:
    return {"bytes": len(await request.body()), "trace": current_trace(), "request": request.state.request_id}


@router.post("/read")
async def read(words: Words) -> int:
    return len(words.words)


@router.get("/fail/{id}")
async def fail(id: str) -> None:
    raise ZeroDivisionError(NAME)


@router.get("/clash")
async def clash(request: Request, principal: Caller) -> None:
    async with unit_of_work(request, principal) as uow:
        await uow.session.execute(text(f"INSERT INTO visits (place) VALUES ('{NAME}')"))


@router.get("/late")
async def late(request: Request, principal: Caller) -> None:
    async with unit_of_work(request, principal) as uow:
        await uow.session.execute(text("SET LOCAL statement_timeout = '20ms'"))
        await uow.session.execute(text("SELECT pg_sleep(5)"))


@router.get("/half")
async def half() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        raise ZeroDivisionError(NAME)

    return StreamingResponse(parts())


@router.post("/slow")
async def slow(request: Request, principal: Caller) -> int:
    body = await request.body()
    async with unit_of_work(request, principal) as uow:
        await uow.session.execute(text("SELECT pg_sleep(0.3)"))
        uow.record("slow", "visit", None)
    return len(body)


@pytest.fixture
async def served(address: str, keys: Keys) -> AsyncIterator[Served]:
    async with serving(address, keys, [router], body_limit=LIMIT) as running:
        running.edge._larger["/larger"] = LARGER  # type: ignore[attr-defined]  # as larger_bodies would
        yield running


def code(answer: httpx2.Response) -> str:
    """Which problem an answer tells."""
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).rpartition("/")[2]


class Chunks:
    """A body of unknown length, and how much of it was asked for."""

    def __init__(self, count: int) -> None:
        self.count, self.taken = count, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.count):
            self.taken += 1
            yield b"x" * 512


@pytest.mark.parametrize(("path", "limit"), [("/echo", LIMIT), ("/larger", LARGER)])
async def test_a_body_may_be_as_large_as_its_limit_and_not_a_byte_larger(served: Served, path: str, limit: int) -> None:
    assert (await served.client.post(path, content=b"x" * limit)).json()["bytes"] == limit
    refused = await served.client.post(path, content=b"x" * (limit + 1))
    assert (refused.status_code, code(refused)) == (413, "too-large")
    assert f"{limit} bytes" in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/echo", "/read"])
async def test_a_body_of_unknown_length_is_refused_while_it_comes(served: Served, path: str) -> None:
    body = Chunks(1000)
    headers = {"Content-Type": "application/json"}
    refused = await served.client.post(path, content=body, headers=headers)
    assert (refused.status_code, code(refused)) == (413, "too-large")
    assert body.taken == LIMIT // 512 + 1


async def test_a_declared_length_above_the_limit_is_refused_before_anything_is_read(served: Served) -> None:
    body = Chunks(1000)
    refused = await served.client.post("/echo", content=body, headers={"Content-Length": str(LIMIT + 1)})
    assert (refused.status_code, code(refused)) == (413, "too-large")
    assert body.taken <= 1


async def test_a_declared_length_below_the_truth_does_not_help(served: Served) -> None:
    refused = await served.client.post("/echo", content=Chunks(1000), headers={"Content-Length": "10"})
    assert (refused.status_code, code(refused)) == (413, "too-large")


async def test_whoever_comes_when_there_is_too_much_to_do_is_asked_to_come_again(address: str, keys: Keys) -> None:
    async with serving(address, keys, [router], requests_at_once=1) as served:
        going_on = asyncio.create_task(served.client.post("/slow", headers=served.headers()))
        await asyncio.sleep(0.1)
        busy = await served.client.post("/echo")
        assert (busy.status_code, code(busy)) == (503, "unavailable")
        assert int(busy.headers["Retry-After"]) > 0
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await served.client.get(path)).status_code == 200
        assert (await going_on).status_code == 200
        assert [(await served.client.post("/echo")).status_code for _ in range(3)] == [200] * 3


async def test_no_more_of_bodies_is_held_at_once_than_is_allowed(address: str, keys: Keys) -> None:
    release = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * 1500
        await release.wait()
        yield b"x"

    limits = dict.fromkeys(("body_limit", "intake_limit", "bodies_at_once"), LIMIT)
    async with serving(address, keys, [router], **limits) as served:
        coming = asyncio.create_task(served.client.post("/echo", content=half()))
        await asyncio.sleep(0.1)
        for path in ("/echo", "/read"):
            full = await served.client.post(path, content=b"x" * 600, headers={"Content-Type": "application/json"})
            assert (full.status_code, code(full)) == (503, "unavailable")
            assert int(full.headers["Retry-After"]) > 0
        assert (await served.client.post("/echo", content=b"x" * 500)).status_code == 200
        release.set()
        assert (await coming).json()["bytes"] == 1501
        assert (await served.client.post("/echo", content=b"x" * LIMIT)).status_code == 200


async def test_a_body_that_does_not_come_in_time_is_not_waited_for(address: str, keys: Keys) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.02)

    async with serving(address, keys, [router], client_timeout=0.3) as served:
        for path in ("/echo", "/read"):
            async with asyncio.timeout(1):
                headers = {"Content-Type": "application/json"}
                late = await served.client.post(path, content=dripping(), headers=headers)
            assert (late.status_code, code(late), late.headers["connection"]) == (408, "too-slow", "close")
        assert (await served.client.post("/slow", headers=served.headers())).status_code == 200, "we may be slow"


async def test_what_cannot_be_answered_in_time_is_given_up_and_leaves_nothing(
    address: str, keys: Keys, db: Database
) -> None:
    async with serving(address, keys, [router], answer_timeout=0.1) as served:
        late = await served.client.post("/slow", headers=served.headers())
        assert (late.status_code, code(late)) == (503, "unavailable")
        assert "same Idempotency-Key" in late.json()["detail"]
        assert int(late.headers["Retry-After"]) > 0
        await asyncio.sleep(0.2)
        assert await value(db, OPEN) == 0
        assert await value(db, "SELECT count(*) FROM backbone.audit WHERE action = 'slow'") == 0
        assert (await served.client.post("/echo")).status_code == 200


async def test_in_a_hurry_whatever_is_under_way_is_answered(served: Served) -> None:
    under_way = [asyncio.create_task(served.client.post("/slow", headers=served.headers())) for _ in range(3)]
    await asyncio.sleep(0.1)
    served.edge.hurry()  # type: ignore[attr-defined]  # it is an Edge
    assert [(await one).status_code for one in under_way] == [503] * 3
    served.edge.hurry()  # type: ignore[attr-defined]  # see above
    assert (await served.client.post("/slow", headers=served.headers())).status_code == 200


@pytest.mark.parametrize("path", ["/fail/Meier", "/clash"])
async def test_a_failure_becomes_a_problem_that_quotes_nothing(served: Served, db: Database, path: str) -> None:
    with capture_logs() as told:
        answer = await served.get(path)
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "our fault" in answer.json()["detail"]
    for word in ("Meier", "Error", "Traceback", "INSERT", ".py"):
        assert word not in answer.text
    (line,) = [one for one in told if one["event"] == "a request failed"]
    assert line["route"] == path.replace("Meier", "{id}")
    assert isinstance(line["exc_info"], ZeroDivisionError | IntegrityError)
    assert answer.json()["trace_id"]
    idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"
    assert await value(db, idle) == 0


async def test_what_the_database_cannot_do_just_now_is_to_be_tried_again(served: Served) -> None:
    answer = await served.get("/late")
    assert (answer.status_code, code(answer), answer.headers["Retry-After"]) == (503, "unavailable", "2")


async def test_an_answer_that_fails_half_way_is_cut_off_and_never_ends_as_if_whole(served: Served) -> None:
    with capture_logs() as told, pytest.raises(ConnectionAbortedError):
        await served.client.get("/half")
    assert "failed while answering" in [one["event"] for one in told]


async def test_a_request_goes_on_with_the_trace_it_came_with(served: Served) -> None:
    shown = (await served.client.post("/echo", headers={"traceparent": TRACE})).json()
    assert shown["trace"].split("-")[1] == TRACE.split("-")[1]
    assert shown["trace"].split("-")[2] != TRACE.split("-")[2]
    problem = await served.client.get("/nowhere", headers={"traceparent": TRACE})
    assert problem.json()["trace_id"] == TRACE.split("-")[1]


@pytest.mark.parametrize(
    "trace", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "\x00'; DROP", "-" * 5000]
)
async def test_a_trace_that_is_none_begins_a_new_one(served: Served, trace: str) -> None:
    first, second = [(await served.client.post("/echo", headers={"traceparent": trace})).json() for _ in range(2)]
    assert len(first["trace"].split("-")[1]) == 32
    assert first["trace"].split("-")[1] != second["trace"].split("-")[1]


async def test_every_request_has_a_number_of_its_own_whatever_the_client_sends(served: Served) -> None:
    numbers = {
        (await served.client.post("/echo", headers={"X-Request-Id": "mine"})).json()["request"] for _ in range(3)
    }
    assert len(numbers) == 3
    assert "mine" not in numbers


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/fail/x", "/streams/lag"])
async def test_no_answer_is_kept_by_anybody_on_the_way(served: Served, path: str) -> None:
    headers = (await served.client.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_requests_are_measured_by_route_and_never_by_address(served: Served) -> None:
    await served.client.get("/fail/measured-address")
    await served.client.get("/nowhere/measured-address")
    told = generate_latest(REGISTRY).decode()
    assert 'route="/fail/{id}",status="500"' in told
    assert "measured-address" not in told


async def test_what_is_no_request_is_passed_on() -> None:
    passed: list[str] = []

    async def app(scope: Any, _: Any, __: Any) -> None:
        passed.append(scope["type"])

    await Edge(app, Settings())({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # neither is used
    assert passed == ["lifespan"]


@pytest.fixture
async def port(served: Served) -> AsyncIterator[int]:
    """The API behind a real server."""
    (port,) = free_ports(1)
    config = uvicorn.Config(served.edge, port=port, lifespan="off", log_config=None, http="httptools", ws="none")
    server = uvicorn.Server(config)
    server.capture_signals = _nothing  # type: ignore[method-assign]  # the test's own process keeps its signals
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await running


def _nothing() -> Any:
    return nullcontext()


OPEN: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""


async def test_a_client_that_goes_away_in_the_middle_of_its_body_opens_nothing(
    served: Served, db: Database, port: int
) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in served.headers().items())
    with capture_logs() as told:
        for path in ("/slow", "/read"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 100\r\n\r\n"
            writer.write(head.encode() + b'{"words"')
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.2)
    assert [one["event"] for one in told if one["log_level"] == "error"] == []
    assert await value(db, OPEN) == 0
    assert not served.edge._under_way  # type: ignore[attr-defined]  # nothing is left at work


async def test_what_a_client_that_went_away_had_asked_for_is_done_whole_and_left_open_by_nobody(
    served: Served, db: Database, port: int
) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in served.headers().items())
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /slow HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 0\r\n\r\n".encode())
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()
    for _ in range(100):
        if await value(db, OPEN) == 0 and not served.edge._under_way:  # type: ignore[attr-defined]  # see above
            break
        await asyncio.sleep(0.05)
    assert await value(db, OPEN) == 0
    assert len(await rows(db, "SELECT 1 FROM backbone.audit WHERE action = 'slow'")) == 1
