"""What a development profile shows besides its contract is what the services really show."""

from __future__ import annotations

import json

import httpx2
import pytest
from fastapi.routing import APIRoute

from backbone.clock import ClockShift, router
from backbone.clock import ClockShown as ShownClock
from backbone.stillness import Stillness as ShownStillness
from backbone.stillness import router as stillness_router
from reliefpath_client import Development
from reliefpath_client.development import ClockShown, Stillness


def test_what_is_read_is_what_is_shown() -> None:
    assert set(ClockShown.__annotations__) == set(ShownClock.model_fields)
    assert set(Stillness.__annotations__) == set(ShownStillness.model_fields)


def test_what_is_asked_is_what_there_is() -> None:
    routes = [one for each in (router, stillness_router) for one in each.routes if isinstance(one, APIRoute)]
    assert {(one.method, one.path) for one in Development.OPERATIONS.values()} == {
        (method, one.path) for one in routes for method in one.methods or ()
    }


@pytest.mark.parametrize(
    ("call", "sent"),
    [("clock", ("GET", "/development/clock")), ("stillness", ("GET", "/development/stillness"))],
)
async def test_it_is_read_where_it_is(call: str, sent: tuple[str, str]) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"shift_seconds": 1})

    client = Development("http://api", "token", transport=httpx2.MockTransport(answer))
    assert await getattr(client, call)() == {"shift_seconds": 1}
    assert [(one.method, one.url.path) for one in asked] == [sent]


async def test_the_clock_is_shifted_as_a_service_understands_it() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        shift = ClockShift.model_validate_json(request.content)
        assert (request.method, request.url.path) == ("PUT", "/development/clock")
        return httpx2.Response(200, json={"now": "2026-11-23T07:00:00Z", **json.loads(shift.model_dump_json())})

    client = Development("http://api", "token", transport=httpx2.MockTransport(answer))
    assert (await client.clock_shift(60.5))["shift_seconds"] == 60.5
