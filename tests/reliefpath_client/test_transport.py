"""One way to call an API: what may not have arrived is sent again under its key, and a refusal keeps its reasons."""

from __future__ import annotations

import asyncio
import gzip
import time
from asyncio import sleep as really_sleep
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import httpx2
import pytest

from backbone.problems import ProblemDocument
from backbone.problems import Reason as SaidReason
from reliefpath_client import Client, Reason, Refusal, Unreachable
from reliefpath_client.transport import LONGEST_PAUSE, TRIES, Operation

Answer = httpx2.Response | Exception


class Visits(Client):
    """An API of our own, with an operation of each sort."""

    OPERATIONS: ClassVar = {
        "visits": Operation("GET", "/visits"),
        "visit": Operation("GET", "/visits/{id}"),
        "visit_plan": Operation("POST", "/visits", takes="application/json", keyed=True),
        "visit_finish": Operation("POST", "/visits/{id}/finish", keyed=True),
        "visit_change": Operation("PUT", "/visits/{id}", takes="application/json"),
        "visit_chair": Operation("GET", "/visits/{id}/chairs/{number}"),
        "intake": Operation("POST", "/intake", takes="application/fhir+json", keyed=True),
    }


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, none of which is waited for."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return made


class Api:
    """Answers in turn, and remembers what it was asked; the last answer stays."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers, self.asked = list(answers), list[httpx2.Request]()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The next answer."""
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def headers(self, name: str) -> list[str | None]:
        """This header of every request."""
        return [request.headers.get(name) for request in self.asked]


def api(*answers: Answer, **more: Any) -> tuple[Api, Visits]:
    """An API, and its client."""
    made = Api(answers)
    return made, Visits("http://api/", "token", transport=httpx2.MockTransport(made.answer), **more)


def ok(body: Any = None) -> httpx2.Response:
    return httpx2.Response(200, json=body or {"id": 1})


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.Response(503),
        httpx2.Response(503, json={"title": "Not possible just now"}),
        httpx2.Response(502),
        httpx2.Response(504),
        httpx2.ConnectError("no"),
        httpx2.ReadTimeout("no"),
        httpx2.RemoteProtocolError("gone"),
    ],
    ids=["503", "503 with a reason", "502", "504", "no connection", "no answer", "half an answer"],
)
async def test_what_may_not_have_arrived_is_sent_again_under_the_same_key(trouble: Answer, pauses: list[float]) -> None:
    asked, client = api(trouble, trouble, ok({"id": 7}))
    async with client:
        query = {"wanted": None, "as_of": "now", "urgent": False, "state": ["open", "closed"]}
        assert await client.call("visit_plan", body={"chairs": 2}, version=3, query=query) == {"id": 7}
    assert len(asked.asked) == 3
    (key,) = set(asked.headers("idempotency-key"))
    assert key
    assert {request.content for request in asked.asked} == {b'{"chairs":2}'}
    assert {str(request.url) for request in asked.asked} == {
        "http://api/visits?as_of=now&urgent=false&state=open&state=closed"
    }
    assert set(asked.headers("if-match")) == {'"3"'}
    assert set(asked.headers("authorization")) == {"Bearer token"}
    assert set(asked.headers("content-type")) == {"application/json"}
    assert pauses == sorted(set(pauses))


async def test_every_change_has_a_key_of_its_own_unless_it_is_given_one() -> None:
    asked, client = api(ok())
    for key in (None, None, "mine"):
        await client.call("visit_plan", key=key)
    first, second, third = asked.headers("idempotency-key")
    assert first != second
    assert third == "mine"
    assert asked.headers("if-match") == [None, None, None]


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.call("visits"),
        lambda one: one.call("visit_change", 1, body={}, version=1),
        lambda one: one.call("visit_plan", body={}),
    ],
    ids=["GET", "PUT", "POST"],
)
async def test_whoever_never_answers_is_unreachable(call: Callable[[Client], Any]) -> None:
    asked, client = api(httpx2.ConnectError("secret"))
    with pytest.raises(Unreachable, match=r"http://api does not answer .ConnectError.") as raised:
        await call(client)
    assert len(asked.asked) == TRIES
    assert raised.value.status is None


async def test_how_often_and_how_long_is_tried_is_the_callers_to_say() -> None:
    asked, client = api(httpx2.ReadTimeout("no"), tries=2, patience=1.5)
    with pytest.raises(Unreachable, match=r"did not answer within 1.5 seconds"):
        await client.call("visits")
    assert len(asked.asked) == 2
    assert asked.asked[0].extensions["timeout"]["connect"] == 1.5


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b'Content-Length: 8\r\n\r\n{"id":7}'
BODY_COMES = (HEAD + b"Content-Length: 100000\r\n\r\n", b" ")
HEAD_COMES = (HEAD + b"X-Long: ", b"x")


@asynccontextmanager
async def dripping(first: bytes, drop: bytes, times: int = TRIES) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A service that answers so many times without end, byte by byte, and then at once: its address, what was asked."""
    asked: list[bytes] = []
    answering: set[asyncio.Task[Any] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        dribbles = len(asked) <= times
        writer.write(first if dribbles else WHOLE)
        while dribbles and not writer.is_closing():
            await really_sleep(0.02)
            writer.write(drop)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
        await asyncio.gather(*filter(None, answering))


def keys(asked: Iterable[bytes]) -> list[str]:
    """The key of every request."""
    lines = [line.partition(":") for one in asked for line in one.decode().splitlines()]
    return [value.strip() for name, _, value in lines if name.lower() == "idempotency-key"]


@pytest.mark.parametrize(("first", "drop"), [BODY_COMES, HEAD_COMES], ids=["the body", "the headers"])
async def test_an_answer_that_comes_drop_by_drop_is_none(first: bytes, drop: bytes, pauses: list[float]) -> None:
    started = time.monotonic()
    async with dripping(first, drop) as (address, asked), Visits(address, "token", patience=0.2, tries=2) as client:
        with pytest.raises(Unreachable, match=r"did not answer within 0.2 seconds") as raised:
            await client.call("visit_finish", 1)
    assert raised.value.status is None
    assert 0.4 <= time.monotonic() - started < 2
    assert (len(asked), len(pauses), len(set(keys(asked)))) == (2, 1, 1)


async def test_what_came_drop_by_drop_is_sent_again_under_the_same_key() -> None:
    async with dripping(*BODY_COMES, times=1) as (address, asked), Visits(address, "token", patience=0.3) as client:
        assert await client.call("visit_finish", 1) == {"id": 7}
    assert len(keys(asked)) == 2
    assert len(set(keys(asked))) == 1


async def test_a_callers_own_time_that_is_shorter_ends_the_call_as_the_callers() -> None:
    async with dripping(*BODY_COMES) as (address, asked), Visits(address, "token", patience=5) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2) as own:
                await client.call("visit_finish", 1)
    assert own.expired()
    assert len(asked) == 1


async def test_a_call_that_is_cancelled_is_not_tried_again() -> None:
    async with dripping(*BODY_COMES) as (address, asked), Visits(address, "token", patience=5) as client:
        call = asyncio.create_task(client.call("visit_finish", 1))
        while not asked:
            await really_sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert call.cancelled()
    assert len(asked) == 1


async def test_when_both_times_are_over_at_once_the_callers_counts() -> None:
    asked: list[httpx2.Request] = []

    async def stall(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        time.sleep(0.2)  # noqa: ASYNC251 - so that both are seen to be over in one turn of the loop
        await really_sleep(5)
        return ok()

    async with Visits("http://api", "token", patience=0.1, transport=httpx2.MockTransport(stall)) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.15) as own:
                await client.call("visit_finish", 1)
    assert own.expired()
    assert len(asked) == 1


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked_pause", "least", "most"),
    [("7", 7, 7), (9.0, 1, 9), (-9.0, 0.4, 0.4), ("0", 0.4, 0.4), ("soon", 0.4, 0.4)],
    ids=["seconds", "a time", "a time gone by", "none", "nonsense"],
)
async def test_who_asks_us_to_wait_is_waited_for(
    pauses: list[float], asked_pause: str | float, least: float, most: float
) -> None:
    after = in_seconds(asked_pause) if isinstance(asked_pause, float) else asked_pause
    _, client = api(httpx2.Response(503, headers={"Retry-After": after}), ok())
    await client.call("visits")
    [pause] = pauses
    assert least <= pause <= most


async def test_who_asks_us_to_wait_for_too_long_is_not_tried_again(pauses: list[float]) -> None:
    problem = {"title": "Not possible just now"}
    asked, client = api(httpx2.Response(503, headers={"Retry-After": str(int(LONGEST_PAUSE) + 1)}, json=problem))
    with pytest.raises(Refusal, match="503 Not possible just now"):
        await client.call("visits")
    assert (len(asked.asked), pauses) == (1, [])


async def test_a_refusal_is_its_document_with_every_reason() -> None:
    document = {
        "type": "https://reliefpath.example/problems/not-allowed",
        "title": "This action may not be taken now",
        "detail": "2 things stand in the way.",
        "errors": [
            {"code": "place-unknown", "message": "Where?", "satisfy": "Say it.", "pointer": "/to", "rules": ["R@1"]},
            {"code": "stale", "message": "Again.", "since": "v9"},
            "nonsense",
        ],
        "allowed_actions": ["hold"],
        "trace_id": "4bf9",
        "since": "v9",
    }
    asked, client = api(httpx2.Response(409, json=document))
    with pytest.raises(Refusal, match=r"409 This action may not be taken now: Where.; Again.") as refused:
        await client.call("visit_finish", 1)
    refusal = refused.value
    assert (refusal.status, refusal.document) == (409, document)
    assert (refusal.type, refusal.title, refusal.detail) == (document["type"], document["title"], document["detail"])
    assert refusal.errors == (
        Reason("place-unknown", "Where?", satisfy="Say it.", pointer="/to", rules=("R@1",)),
        Reason("stale", "Again."),
    )
    assert (refusal.codes, refusal.allowed_actions, refusal.trace_id) == ({"place-unknown", "stale"}, ("hold",), "4bf9")
    assert len(asked.asked) == 1


def test_a_refusal_has_a_member_for_all_that_the_contract_promises_of_it() -> None:
    assert set(ProblemDocument.model_fields) <= vars(Refusal(409, {})).keys()
    assert set(SaidReason.model_fields) == {one for one in Reason.__slots__}  # noqa: C416 - slots may be any iterable


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
async def test_a_refusal_without_a_document_is_one_all_the_same(body: bytes) -> None:
    asked, client = api(httpx2.Response(500, content=body))
    with pytest.raises(Refusal, match="500 Internal Server Error") as refused:
        await client.call("visits")
    assert refused.value.codes == set()
    assert len(asked.asked) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx2.Response(502, json={"title": "Bad gateway"}), "answers 502: what it stands for cannot be reached"),
        (httpx2.Response(503, content=b"away"), "answers 503: what it stands for cannot be reached"),
        (httpx2.Response(200, content=b"<html>"), r"answers, but not as Reliefpath does \(200\)"),
        (httpx2.Response(307, headers={"Location": "http://elsewhere/"}, json={}), r"not as Reliefpath does \(307\)"),
    ],
    ids=["502", "503", "a page", "a redirect"],
)
async def test_who_is_not_the_api_is_never_taken_for_it_nor_followed_with_the_token(
    answer: httpx2.Response, told: str
) -> None:
    asked, client = api(answer)
    with pytest.raises(Unreachable, match=told) as raised:
        await client.call("visits")
    assert raised.value.status == answer.status_code
    assert {request.url.host for request in asked.asked} == {"api"}


async def test_nothing_may_be_an_answer() -> None:
    _, client = api(httpx2.Response(200, content=b"null"))
    assert await client.call("visits") is None


@pytest.mark.parametrize("body", [b'{"a": 1}', gzip.compress(b'{"a": 1}')], ids=["plain", "gzipped"])
async def test_bytes_are_sent_as_they_are_in_the_operations_media_type(body: bytes) -> None:
    asked, client = api(ok())
    await client.call("intake", body=body, query={"to": "pain-centre"})
    assert asked.asked[0].content == body
    assert asked.headers("content-type") == ["application/fhir+json"]
    assert asked.headers("content-encoding") == ["gzip" if body.startswith(b"\x1f\x8b") else None]
    assert asked.asked[0].url.query == b"to=pain-centre"


async def test_an_object_is_sent_as_json_in_the_operations_media_type() -> None:
    asked, client = api(ok())
    await client.call("intake", body={"name": "Zoë"})
    assert asked.asked[0].content == '{"name":"Zoë"}'.encode()
    assert asked.headers("content-type") == ["application/fhir+json"]


async def test_a_call_goes_on_with_the_trace_of_what_led_to_it() -> None:
    traces = iter(["00-a-b-01", "00-a-b-01", None])
    asked, client = api(ok(), trace=lambda: next(traces))
    await client.call("visits", query={"cursor": None})
    await client.call("visit_plan")
    await client.call("visits")
    assert asked.headers("traceparent") == ["00-a-b-01", "00-a-b-01", None]
    assert asked.asked[0].url.query == b""


async def test_what_stands_in_a_path_stays_one_part_of_it() -> None:
    asked, client = api(ok())
    await client.call("visit_chair", "../a b/c?d#e", 2)
    assert asked.asked[0].url.raw_path == b"/visits/..%2Fa%20b%2Fc%3Fd%23e/chairs/2"


def test_a_refusal_of_another_make_is_one_all_the_same() -> None:
    refusal = Refusal(409, {"allowed_actions": 3, "errors": [{"rules": 1, "code": "x"}, 7]})
    assert (refusal.allowed_actions, refusal.errors[0].rules, refusal.codes) == ((), (), {"x"})


async def test_what_the_contract_does_not_have_is_never_sent() -> None:
    asked, client = api(ok())
    with pytest.raises(LookupError, match="Visits has no operation visit_enchant"):
        await client.call("visit_enchant", 1)
    with pytest.raises(LookupError, match="visit_finish takes no body"):
        await client.call("visit_finish", 1, body={"chairs": 2})
    with pytest.raises(TypeError, match="visit_chair takes id, number, and was given 1"):
        await client.call("visit_chair", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        await client.call("visit_plan", body={"pain": float("nan")})
    for elsewhere in ("", ".", ".."):
        with pytest.raises(ValueError, match="a place that is none"):
            await client.call("visit_finish", elsewhere)
    assert asked.asked == []


@pytest.mark.parametrize("address", ["not an address", "http://[::1", "ftp://x", "", "http://"])
def test_what_is_no_address_is_said_to_be_none(address: str) -> None:
    with pytest.raises(ValueError, match="is no address of an API"):
        Visits(address, "token")


@pytest.mark.parametrize(
    ("address", "trusted"), [("http://127.0.0.1:1", False), ("http://[::1]:1", False), ("https://x", True)]
)
def test_no_proxy_is_asked_for_this_machines_own_services(address: str, trusted: bool) -> None:
    assert Visits(address, "token")._client.trust_env is trusted
