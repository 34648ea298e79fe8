"""One way to call an API: what may not have arrived is sent again under its key, and a refusal keeps its reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import httpx2
import pytest

from backbone.client import TRIES, Client, Refusal, Unreachable
from backbone.telemetry import traced

Answer = httpx2.Response | Exception


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


def api(*answers: Answer) -> tuple[Api, Client]:
    """An API, and its client."""
    made = Api(answers)
    return made, Client("http://api", "token", transport=httpx2.MockTransport(made.answer))


def ok(body: Any = None) -> httpx2.Response:
    return httpx2.Response(200, json=body or {"id": 1})


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.Response(503),
        httpx2.Response(502),
        httpx2.Response(504),
        httpx2.ConnectError("no"),
        httpx2.ReadTimeout("no"),
    ],
    ids=["503", "502", "504", "no connection", "no answer"],
)
async def test_what_may_not_have_arrived_is_sent_again_under_the_same_key(trouble: Answer, pauses: list[float]) -> None:
    asked, client = api(trouble, trouble, ok({"id": 7}))
    async with client:
        assert await client.post("/visits", {"chairs": 2}, version=3, wanted=None, as_of="now") == {"id": 7}
    assert len(asked.asked) == 3
    (key,) = set(asked.headers("idempotency-key"))
    assert key
    assert {request.content for request in asked.asked} == {b'{"chairs":2}'}
    assert {str(request.url) for request in asked.asked} == {"http://api/visits?as_of=now"}
    assert set(asked.headers("if-match")) == {'"3"'}
    assert set(asked.headers("authorization")) == {"Bearer token"}
    assert pauses == sorted(set(pauses))


async def test_every_change_has_a_key_of_its_own_unless_it_is_given_one() -> None:
    asked, client = api(ok())
    for key in (None, None, "mine"):
        await client.post("/visits", key=key)
    first, second, third = asked.headers("idempotency-key")
    assert first != second
    assert third == "mine"
    assert asked.headers("if-match") == [None, None, None]


@pytest.mark.parametrize(
    "call",
    [lambda one: one.get("/x"), lambda one: one.put("/x", {}), lambda one: one.post("/x")],
    ids=["GET", "PUT", "POST"],
)
async def test_whoever_never_answers_is_unreachable(call: Callable[[Client], Any]) -> None:
    asked, client = api(httpx2.ConnectError("secret"))
    with pytest.raises(Unreachable, match=r"http://api.* does not answer .ConnectError."):
        await call(client)
    assert len(asked.asked) == TRIES


async def test_a_refusal_carries_the_document_and_every_code() -> None:
    document = {
        "title": "This action may not be taken now",
        "errors": [{"code": "place-unknown", "message": "Where?"}, {"code": "stale", "message": "Again."}],
    }
    asked, client = api(httpx2.Response(409, json=document))
    with pytest.raises(Refusal, match=r"409 This action may not be taken now: Where.; Again.") as refused:
        await client.post("/visits/1/finish")
    assert (refused.value.status, refused.value.document) == (409, document)
    assert refused.value.codes == {"place-unknown", "stale"}
    assert len(asked.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
async def test_a_refusal_without_a_document_is_one_all_the_same(body: bytes) -> None:
    asked, client = api(httpx2.Response(503, content=body))
    with pytest.raises(Refusal, match="503 Service Unavailable") as refused:
        await client.get("/visits")
    assert refused.value.codes == set()
    assert len(asked.asked) == TRIES


async def test_bytes_are_sent_as_they_are() -> None:
    asked, client = api(ok())
    await client.post("/intake", content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}, to="pain-centre")
    assert asked.asked[0].content == b"\x1f\x8b"
    assert asked.headers("content-encoding") == ["gzip"]
    assert asked.asked[0].url.query == b"to=pain-centre"


async def test_a_call_goes_on_with_the_trace_of_what_led_to_it() -> None:
    asked, client = api(ok())
    with traced(None) as trace:
        await client.get("/visits", cursor=None)
        await client.post("/visits", version=1)
    await client.get("/visits")
    assert asked.headers("traceparent") == [trace, trace, None]
    assert asked.asked[0].url.query == b""


async def test_a_redirect_is_never_followed_with_the_token() -> None:
    asked, client = api(httpx2.Response(307, headers={"Location": "http://elsewhere/"}, json={}))
    await client.get("/visits")
    assert [request.url.host for request in asked.asked] == ["api"]
