"""What services hold back is gathered from them, found in them, and mended in them, with the operator's own reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from backbone.problems import Invalid, NotFound, Unavailable
from backbone.service import SERVICES
from operations import deadletters
from operations.deadletters import DEAD_LETTERS, DEADLINES, DISCARD, PARKED, RETRY, Shelf, read_cursor, write_cursor
from operations.peers import Answer, Asker, Peers
from operations.schemas import Gathered, Parked
from tests.support.clients import asked_for, described

OLGA = Asker("Bearer olga")


def held(minute: int, *, id: UUID | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": str(id or uuid4()),
        "status": "parked",
        "reason": "KeyError at referral.reactions:12",
        "type": "reliefpath.scheduling.AppointmentBooked.v1",
        "speaker": "scheduling",
        "stream": str(uuid4()),
        "seq": 3,
        "attempts": 5,
        "next_try_at": None,
        "held_at": (datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)).isoformat(),
        "ended_at": None,
        "ended_by": None,
        "ended_because": None,
        "topic": "reliefpath.scheduling",
        "partition": 0,
        "offset": 7,
        **more,
    }


def detail(**more: Any) -> dict[str, Any]:
    return held(0, headers={"ce_type": "x"}, data="{}", **more)


class Shelves:
    """Services that hold things, each with pages of at most `limit`; the cursor is the number of the next."""

    def __init__(self, **held: list[dict[str, Any]]) -> None:
        self.held = held
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if request.url.host not in self.held:
            raise httpx2.ConnectError("away")
        items = self.held[request.url.host]
        first, limit = int(request.url.params.get("cursor", "0")), int(request.url.params["limit"])
        following = str(first + limit) if first + limit < len(items) else None
        return httpx2.Response(200, json={"items": items[first : first + limit], "next": following})


def peers(answer: Callable[[httpx2.Request], httpx2.Response]) -> Peers:
    return Peers({one: f"http://{one}" for one in SERVICES}, transport=httpx2.MockTransport(answer))


async def gathered(shelves: Shelves, **more: Any) -> Gathered[Parked]:
    asked = {"service": None, "status": None, "cursor": None, "limit": 2, **more}
    async with peers(shelves) as services:
        return await deadletters.gather(services, OLGA, PARKED, **asked)


async def test_pages_of_all_services_are_shown_together_and_none_is_skipped_or_repeated() -> None:
    shelves = Shelves(
        referral=[held(minute) for minute in (1, 4, 5, 6, 7)],
        scheduling=[held(minute) for minute in (2, 3)],
        followup=[],
        operations=[held(9), held(10), held(11)],
    )
    seen: list[str] = []
    cursor, first = None, True
    while first or cursor:
        page = await gathered(shelves, cursor=cursor)
        assert [one.held_at for one in page.items] == sorted(one.held_at for one in page.items)
        seen += [str(one.id) for one in page.items]
        cursor, first = page.next, False
    assert sorted(seen) == sorted(one["id"] for items in shelves.held.values() for one in items)


async def test_deadlines_of_all_services_come_the_earliest_first() -> None:
    def deadline(minute: int) -> dict[str, Any]:
        due_at = (datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)).isoformat()
        about = {"journey": str(uuid4()), "subject": str(uuid4())}
        return {**held(0, kind="offer-lapses", cause="request:1", due_at=due_at), **about}

    shelves = Shelves(referral=[deadline(1), deadline(4)], scheduling=[deadline(2)], followup=[], operations=[])
    async with peers(shelves) as services:
        page = await deadletters.gather(services, OLGA, DEADLINES, service=None, status=None, cursor=None, limit=2)
    assert [(one.service, one.due_at.minute) for one in page.items] == [
        ("referral", 1),
        ("scheduling", 2),
        ("referral", 4),
    ]
    assert shelves.asked[0].url.path == "/streams/deadlines"


async def test_only_the_services_named_are_asked_and_for_the_status_named() -> None:
    shelves = Shelves(referral=[], scheduling=[held(1)])
    page = await gathered(shelves, service=["scheduling"], status=["parked", "missing"])
    assert [one.service for one in page.items] == ["scheduling"]
    assert [str(one.url) for one in shelves.asked] == [
        "http://scheduling/streams/held?limit=2&status=parked&status=missing"
    ]


async def test_a_silent_service_is_named_beside_what_the_others_hold() -> None:
    page = await gathered(Shelves(referral=[held(1)], scheduling=[], followup=[{"id": "nonsense"}]))
    assert [one.service for one in page.items] == ["referral"]
    assert {one.service: one.because for one in page.silent} == {
        "operations": "cannot be reached (ConnectError)",
        "followup": "answered something that cannot be understood",
    }


@pytest.mark.parametrize("text", ["", "x", "!!", "W10", write_cursor({"console": None}), "é"])
def test_a_cursor_that_was_not_given_out_here_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(text)


async def test_a_thing_is_found_in_whichever_service_holds_it() -> None:
    wanted = uuid4()

    def answer(request: httpx2.Request) -> httpx2.Response:
        return (
            httpx2.Response(200, json=detail(id=wanted))
            if request.url.host == "followup"
            else httpx2.Response(404, json={})
        )

    async with peers(answer) as services:
        found = await deadletters.find(services, OLGA, PARKED, wanted, None)
    assert (found.service, found.id, found.data) == ("followup", wanted, "{}")


async def test_what_nobody_holds_is_not_found_but_only_when_everybody_answered() -> None:
    def nobody(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(404, json={})

    def one_away(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "scheduling":
            raise httpx2.ConnectError("away")
        return nobody(request)

    async with peers(nobody) as services:
        with pytest.raises(NotFound):
            await deadletters.find(services, OLGA, DEAD_LETTERS, uuid4(), None)
    async with peers(one_away) as services:
        with pytest.raises(Unavailable, match="scheduling cannot be reached"):
            await deadletters.find(services, OLGA, DEAD_LETTERS, uuid4(), None)


async def test_it_is_mended_where_it_is_held_with_the_operators_reason_and_key() -> None:
    wanted = uuid4()
    body = json.dumps({"reason": "the facility is listed now"}).encode()

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "referral":
            return httpx2.Response(404, json={})
        if request.method == "GET":
            return httpx2.Response(200, json=detail(id=wanted))
        assert (request.url.path, request.content) == (f"/streams/held/{wanted}/retry", body)
        assert request.headers["idempotency-key"] == "k1"
        return httpx2.Response(200, json=detail(id=wanted, status="resolved", ended_at="2026-11-23T12:00:00Z"))

    async with peers(answer) as services:
        done = await deadletters.mend(services, OLGA, PARKED, wanted, None, RETRY, key="k1", body=body)
    assert not isinstance(done, Answer)
    assert (done.service, done.status) == ("referral", "resolved")


async def test_the_holders_refusal_is_passed_on_as_it_is() -> None:
    problem = {"title": "That conflicts with the present state", "status": 409}

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(409, json=problem, headers={"Content-Type": "application/problem+json"})

    async with peers(answer) as services:
        done = await deadletters.mend(services, OLGA, PARKED, uuid4(), "referral", RETRY, key="k", body=b"{}")
    assert done == Answer("referral", 409, problem, "application/problem+json")


async def test_when_the_holder_falls_silent_nobody_claims_that_it_was_done_or_not() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("gone")

    async with peers(answer) as services:
        with pytest.raises(Unavailable, match="not known; repeat it with the same Idempotency-Key"):
            await deadletters.mend(services, OLGA, PARKED, uuid4(), "referral", RETRY, key="k", body=b"{}")


@pytest.mark.parametrize(
    ("shelf", "operations"),
    [
        (PARKED, {"streams_held", "streams_held_one", "streams_held_retry", "streams_held_discard"}),
        (
            DEAD_LETTERS,
            {"streams_dead_letters", "streams_dead_letter", "streams_dead_letter_retry", "streams_dead_letter_discard"},
        ),
        (
            DEADLINES,
            {"streams_deadlines", "streams_deadline", "streams_deadline_retry", "streams_deadline_discard"},
        ),
    ],
    ids=lambda given: given.resource if isinstance(given, Shelf) else "",
)
async def test_nothing_is_asked_of_a_service_but_what_its_contract_has(
    shelf: Shelf[Any, Any], operations: set[str]
) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(404, json={})

    async with peers(answer) as services:
        await deadletters.gather(services, OLGA, shelf, service=None, status=None, cursor=None, limit=1)
        with pytest.raises(NotFound):
            await deadletters.find(services, OLGA, shelf, uuid4(), None)
        for action in (RETRY, DISCARD):
            await deadletters.mend(services, OLGA, shelf, uuid4(), "referral", action, key="k", body=b"{}")
    assert {request.url.host for request in asked} == set(SERVICES)
    contracts = {service: described(service) for service in SERVICES}
    assert {asked_for(contracts[request.url.host], request) for request in asked} == operations
