"""Services are asked in the caller's name, within a bounded time, and one that does not answer is named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from backbone.settings import Settings
from backbone.telemetry import traced
from operations.peers import Answer, Asker, Peers, Silence

OLGA = Asker("Bearer olga")
ADDRESSES = {"referral": "http://referral", "scheduling": "http://scheduling"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Handler = Callable[[httpx2.Request], httpx2.Response] | Callable[[httpx2.Request], Awaitable[httpx2.Response]]


def peers(answer: Any, **more: Any) -> Peers:
    return Peers(ADDRESSES, transport=httpx2.MockTransport(answer), **more)


async def test_a_service_is_asked_with_the_callers_token_and_within_the_callers_trace() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=[1])

    with traced(TRACE):
        async with peers(answer) as services:
            assert await services.ask("referral", "/streams/lag", OLGA, {"limit": 3}) == Answer(
                "referral", 200, [1], "application/json"
            )
    [request] = seen
    assert str(request.url) == "http://referral/streams/lag?limit=3"
    assert request.headers["authorization"] == "Bearer olga"
    assert request.headers["traceparent"].split("-")[1] == TRACE.split("-")[1]


async def test_a_change_is_sent_as_it_came_under_the_callers_own_key() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.headers["idempotency-key"]) == ("POST", "k1")
        assert (request.content, request.headers["content-type"]) == (b'{"reason":"x"}', "application/json")
        return httpx2.Response(409, json={"title": "no"}, headers={"Content-Type": "application/problem+json"})

    async with peers(answer) as services:
        told = await services.tell("referral", "/streams/held/1/retry", OLGA, key="k1", body=b'{"reason":"x"}')
    assert (told.problem, told.status, told.media_type) == (True, 409, "application/problem+json")


def refuses(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("no")


async def dawdles(_: httpx2.Request) -> httpx2.Response:
    await asyncio.sleep(30)
    return httpx2.Response(200, json={})


async def drips(_: httpx2.Request) -> httpx2.Response:
    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.02)

    return httpx2.Response(200, content=drops())


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        (refuses, "cannot be reached (ConnectError)"),
        (dawdles, "did not answer within 0.2 s"),
        (drips, "did not answer within 0.2 s"),
        (lambda _: httpx2.Response(200, text="<html>"), "answered 200 with something that is not JSON"),
        (lambda _: httpx2.Response(502, text="bad gateway"), "answered 502 with something that is not JSON"),
        (lambda _: httpx2.Response(503, json={"title": "not now"}), "answered 503"),
    ],
)
async def test_silence_says_why_and_does_not_last(answer: Any, because: str) -> None:
    started = time.monotonic()
    async with peers(answer, patience=0.2) as services:
        with pytest.raises(Silence) as silence:
            await services.ask("referral", "/streams/lag", OLGA)
    assert (silence.value.service, silence.value.because) == ("referral", because)
    assert time.monotonic() - started < 2


async def test_a_service_without_an_address_is_silent_and_says_which_setting_is_missing() -> None:
    async with Peers.of(Settings(url_referral="http://referral")) as services:
        with pytest.raises(Silence, match="RELIEFPATH_URL_FOLLOWUP is not set"):
            await services.ask("followup", "/streams/lag", OLGA)


async def test_a_redirect_is_not_followed_as_it_would_carry_the_token_elsewhere() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.host == "referral"
        return httpx2.Response(307, headers={"Location": "http://elsewhere/"}, json={})

    async with peers(answer) as services:
        assert (await services.ask("referral", "/", OLGA)).status == 307


async def test_all_are_asked_at_once_and_those_that_answer_are_not_held_up_by_the_silent() -> None:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "scheduling":
            await asyncio.sleep(30)
        return httpx2.Response(200, json={"limit": request.url.params.get("limit")})

    async with peers(answer, patience=0.2) as services:
        answers, silences = await services.ask_all("/streams/held", OLGA, query={"referral": {"limit": 7}})
    assert [(one.service, one.body) for one in answers] == [("referral", {"limit": "7"})]
    assert {one.service for one in silences} == {"scheduling", "followup", "operations"}
