"""Connections whose clients dawdle or never end: told why, where they can be, and closed in time; others go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from backbone.listening import LINGER, MOST_HEADERS
from stack.keys import Keys
from tests.support.callers import Served, answered, cut_off, serving

PATIENCE: Final = 1.0
ABOUT: Final = 1.5
"""Seconds by which a machine that is busy may be late."""


@pytest.fixture(scope="module")
def served(database: Callable[[str], str], keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One process with little patience."""
    folder = tmp_path_factory.mktemp("logs")
    with serving(database("scheduling"), keys, folder, client_timeout=PATIENCE, body_limit=4096) as running:
        yield running


async def drip(writer: asyncio.StreamWriter, sent: bytes, pause: float = 0.05) -> None:
    """Send this a byte at a time, for as long as anybody listens."""
    with suppress(OSError):
        for byte in sent:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)


async def pour(writer: asyncio.StreamWriter, sent: bytes) -> int:
    """Send this again and again for as long as anybody listens; how many bytes went."""
    gone = 0
    with suppress(OSError):
        while not writer.is_closing():
            writer.write(sent)
            await writer.drain()
            gone += len(sent)
            await asyncio.sleep(0)
    return gone


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """It takes so many seconds, or not much longer."""
    started = time.monotonic()
    yield
    assert seconds - 0.1 < time.monotonic() - started < seconds + ABOUT


@pytest.mark.parametrize("first", [b"", b"\r\n", b"\r\n\r\n"])
async def test_a_connection_on_which_nothing_comes_is_closed(served: Served, first: bytes) -> None:
    async with served.connected() as (reader, writer), within(PATIENCE):
        writer.write(first)
        assert await cut_off(reader) == b""


async def test_a_connection_stays_open_between_requests_and_no_longer_than_for_a_while(served: Served) -> None:
    async with served.connected() as (reader, writer):
        for number in range(3):
            writer.write(served.listing(f"kept-{number}"))
            assert (await answered(reader)).status == 201
            await asyncio.sleep(0.8 * PATIENCE)
        writer.write(b"\r\n")
        assert await cut_off(reader) == b""


@pytest.mark.parametrize("later", [False, True])
async def test_headers_that_do_not_come_in_time_are_not_waited_for(served: Served, later: bool) -> None:
    async with served.connected() as (reader, writer):
        if later:
            writer.write(served.listing(f"before-{later}".lower()))
            assert (await answered(reader)).status == 201
        async with within(PATIENCE):
            dripping = asyncio.create_task(drip(writer, served.listing("slow")))
            refused = await answered(reader)
        assert (refused.status, refused.problem, refused.headers["connection"]) == (408, "too-slow", "close")
        assert await cut_off(reader) == b""
        await dripping


async def test_headers_that_dawdle_behind_a_request_do_not_take_away_its_answer(served: Served) -> None:
    async with served.connected() as (reader, writer):
        async with served.standing_still():
            writer.write(served.listing("first-in-line") + served.listing("second-in-line")[:50])
            await served.waiting_for_locks(1)
            await asyncio.sleep(PATIENCE + 0.5)
        assert (await answered(reader)).status == 201
        assert (await answered(reader)).status == 408
        assert await cut_off(reader) == b""


async def test_headers_without_end_are_refused_before_they_are_kept(served: Served) -> None:
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "endless")[:-2])
        pouring = asyncio.create_task(pour(writer, b"X-More: " + b"x" * 8000 + b"\r\n"))
        refused = await answered(reader)
        assert (refused.status, refused.problem) == (431, "too-large-head")
        await cut_off(reader)
        assert await pouring < 100 * MOST_HEADERS, "what the two sides' sockets hold, and no more"


async def test_what_follows_a_body_is_not_kept(served: Served) -> None:
    before = served.process.most_memory
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "trailing", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n")
        pouring = asyncio.create_task(pour(writer, b"X-More: " + b"x" * 100_000 + b"\r\n"))
        assert (await answered(reader)).status in (400, 408)
        await cut_off(reader)
        assert await pouring > 100_000_000
    assert served.process.most_memory < before + 20


async def test_a_body_that_was_answered_unread_is_not_listened_to_for_ever(served: Served) -> None:
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "large", "Content-Length: 100000000000"))
        refused = await answered(reader)
        assert (refused.status, refused.problem) == (413, "too-large")
        async with within(LINGER):
            await asyncio.gather(pour(writer, b"x" * 50_000), cut_off(reader))


async def test_a_client_that_still_sends_its_refused_body_sees_why_and_may_go_on(served: Served) -> None:
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "large", "Content-Length: 1000000") + b"x" * 500_000)
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.write(b"x" * 500_000 + served.listing("after-large"))
        assert (await answered(reader)).status == 413
        assert (await answered(reader)).status == 201


async def test_a_client_that_wants_to_be_closed_and_still_sends_its_refused_body_sees_why(served: Served) -> None:
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "parting", "Connection: close", "Content-Length: 1000000"))
        writer.write(b"x" * 500_000)
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.write(b"x" * 500_000 + served.listing("after-parting"))
        refused = await answered(reader)
        assert (refused.status, refused.headers["connection"]) == (413, "close")
        async with within(LINGER - 0.5):
            assert await cut_off(reader) == b""


async def test_a_body_that_dawdles_is_refused_before_its_connection_is_closed(served: Served) -> None:
    async with served.connected() as (reader, writer), within(PATIENCE + LINGER):
        writer.write(served.head("/facilities", "dawdling", "Content-Length: 4000"))
        dripping = asyncio.create_task(drip(writer, b"x" * 4000))
        refused = await answered(reader)
        assert (refused.status, refused.problem, refused.headers["connection"]) == (408, "too-slow", "close")
        assert await cut_off(reader) == b""
        await dripping


async def test_a_body_that_is_no_http_is_refused_too_and_nothing_of_it_is_done(served: Served) -> None:
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "junk", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n")
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.write(b"no chunk\r\n\r\n" + served.listing("behind-junk"))
        refused = await answered(reader)
        assert (refused.status, refused.problem) == (400, "malformed")
        assert await cut_off(reader) == b"", "nothing that follows is taken"


async def test_what_follows_a_refused_body_and_is_no_http_has_no_second_answer(served: Served) -> None:
    async with served.connected() as (reader, writer):
        writer.write(served.head("/facilities", "large-junk", "Transfer-Encoding: chunked"))
        writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        assert (await answered(reader)).status == 413
        writer.write(b"no chunk\r\n\r\n")
        assert await cut_off(reader) == b""


@pytest.mark.parametrize(
    "asked", [b"GIMME everything", b"GET http://[ HTTP/1.1\r\nHost: x", b"GET // HTTP/1.1\r\nHost: x"]
)
@pytest.mark.parametrize("later", [False, True])
async def test_what_is_no_http_is_refused_as_everything_else_is(served: Served, asked: bytes, later: bool) -> None:
    async with served.connected() as (reader, writer):
        if later:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await answered(reader)).status == 200
        writer.write(asked + b"\r\n\r\n")
        refused = await answered(reader)
        assert refused.status in (400, 404)
        assert refused.problem in ("malformed", "not-found")


async def test_an_answer_that_is_never_taken_is_let_go_of(served: Served) -> None:
    listing = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served.connected() as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # every transport of a socket can
        gone = asyncio.create_task(pour(writer, listing * 20))
        async with asyncio.timeout(20 * PATIENCE):
            await gone
