"""The REST API of operations over a real database: who may ask, what is shown, and what is mended where it is held."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import insert, select, text

from backbone.carriage import audit, lags
from backbone.database import Database
from backbone.deadlines import Alarm, DeadlineWatch, set_deadline
from backbone.hearing import Hearer
from backbone.messages import Incoming
from operations.reactions import REACTIONS
from reliefpath.events import Event
from reliefpath.vocabulary import Role
from tests.operations.conftest import Work
from tests.support.operations import NOON, Operations, booked, incoming, proposed, requested, said

UNKNOWN = UUID(int=1)
ADDRESSES = [
    "/journeys",
    f"/journeys/{UNKNOWN}",
    "/counts",
    "/lag",
    "/parked",
    f"/parked/{UNKNOWN}",
    "/dead-letters",
    "/deadlines",
]
CHANGES = [
    f"/{shelf}/{UNKNOWN}/{action}"
    for shelf in ("parked", "dead-letters", "deadlines")
    for action in ("retry", "discard")
]


async def hear(work: Work, *messages: Incoming, reactions: Any = REACTIONS) -> None:
    async with work() as uow:
        await Hearer("operations", reactions, tries=1).hear(uow, messages, carefully=True)


async def tell(work: Work, journey: UUID, *told: Event) -> None:
    await hear(
        work, *(incoming(event, said(event, journey, seq, minute=seq), seq) for seq, event in enumerate(told, start=1))
    )


async def fails(*_: object) -> None:
    raise RuntimeError("the name of a patient")


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["type"].endswith("/" + code)
    return found


@pytest.mark.parametrize("address", ADDRESSES)
async def test_only_the_operations_team_may_look(operations: Operations, address: str) -> None:
    problem(await operations.client.get(address), 401, "unauthenticated")
    for role in set(Role) - {Role.OPERATIONS, Role.SYSTEM}:
        headers = operations.bearer(role, journey=uuid4() if role is Role.PATIENT else None)
        problem(await operations.client.get(address, headers=headers), 403, "forbidden")
    assert not operations.wires.requests


@pytest.mark.parametrize("address", CHANGES)
async def test_only_the_operations_team_may_mend(operations: Operations, address: str) -> None:
    problem(await operations.client.post(address, json={"reason": "because"}), 401, "unauthenticated")
    headers = operations.bearer(Role.COORDINATOR)
    problem(await operations.client.post(address, json={"reason": "because"}, headers=headers), 403, "forbidden")
    assert not operations.wires.requests


@pytest.mark.parametrize("address", CHANGES)
async def test_mending_wants_a_key_and_a_reason_before_any_service_is_asked(
    operations: Operations, address: str
) -> None:
    headers = operations.bearer()
    for body in ({}, {"reason": "  "}, {"reason": "because", "force": True}):
        found = problem(await operations.client.post(address, json=body, headers=headers), 422, "invalid")
        assert found["errors"]
    del headers["Idempotency-Key"]
    answer = await operations.client.post(address, json={"reason": "because"}, headers=headers)
    problem(answer, 400, "idempotency-key-missing")
    assert not operations.wires.requests


async def test_journeys_come_in_pages_that_name_the_next_and_the_reading_is_audited(
    operations: Operations, work: Work
) -> None:
    journeys = [uuid4() for _ in range(3)]
    for journey in journeys:
        await tell(work, journey, requested())
    first = await operations.get("/journeys", limit=2, stage="referred")
    second = await operations.client.get(first.links["next"]["url"], headers=operations.bearer())
    shown = [one["journey"] for answer in (first, second) for one in answer.json()["items"]]
    assert shown == sorted(map(str, journeys))
    assert second.json()["next"] is None
    async with work() as uow:
        rows = (await uow.session.execute(select(audit.c.actor, audit.c.action, audit.c.journeys))).all()
    assert sorted(str(one) for row in rows for one in row.journeys) == shown
    assert {(row.actor, row.action) for row in rows} == {("operations:olga", "list")}


async def test_a_page_that_cannot_be_asked_for_is_refused_with_the_place_that_is_wrong(operations: Operations) -> None:
    for query in ({"cursor": "?"}, {"limit": 201}, {"stage": "lost"}):
        found = problem(await operations.get("/journeys", **query), 422, "invalid")
        assert found["errors"][0]["pointer"].startswith("/" + next(iter(query)))


async def test_a_journey_is_shown_with_its_events_and_their_causes(operations: Operations, work: Work) -> None:
    journey, request = uuid4(), requested()
    cause = said(request, journey, 1)
    effect = said(booked(), journey, 1, minute=-5, cause=f"event:{cause.id}", role=Role.SYSTEM)
    await hear(work, incoming(booked(), effect), incoming(request, cause))
    answer = await operations.get(f"/journeys/{journey}")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["stage"], found["setting"]) == ("referred", "outpatient")
    assert [(one["position"], one["speaker"], one["actor"], one["cause"]["position"]) for one in found["events"]] == [
        (1, "referral", "coordinator", None),
        (2, "scheduling", "system", 1),
    ]
    assert found["events"][0]["cause"] | {"id": "request"} == {
        "kind": "request",
        "id": "request",
        "position": None,
        "type": None,
        "seconds_before": None,
    }
    problem(await operations.get(f"/journeys/{uuid4()}"), 404, "not-found")
    problem(await operations.get("/journeys/none"), 422, "invalid")


async def test_counts_are_shown(operations: Operations, work: Work) -> None:
    await tell(work, uuid4(), requested())
    await tell(work, uuid4(), requested(), proposed())
    found = (await operations.get("/counts")).json()
    assert [(one["stage"], one["setting"], one["journeys"]) for one in found["counts"]] == [
        ("referred", "outpatient", 1),
        ("decision", "outpatient", 1),
    ]
    assert (found["journeys"], found["open"]) == (2, 2)


async def test_lag_is_what_the_consumers_wrote_down_and_silent_services_are_named(
    operations: Operations, work: Work
) -> None:
    now = datetime.now(UTC)
    async with work() as uow:
        row = {
            "topic": "reliefpath.referral",
            "partition": 2,
            "next": 5,
            "end": 9,
            "oldest_at": now,
            "observed_at": now,
        }
        await uow.session.execute(insert(lags).values(row))
    found = (await operations.get("/lag")).json()
    [consumer] = found["consumers"]
    assert (consumer["service"], consumer["topic"], consumer["records"]) == ("operations", "reliefpath.referral", 4)
    assert consumer["status"] == "behind"
    assert [one["service"] for one in found["silent"]] == ["referral", "scheduling", "followup"]


@pytest.fixture
async def parked(work: Work) -> str:
    """The id of an event whose reaction failed, with another behind it."""
    journey, events = uuid4(), [requested(), proposed()]
    messages = [incoming(event, said(event, journey, seq), seq) for seq, event in enumerate(events, start=1)]
    await hear(work, *messages, reactions=dict.fromkeys(REACTIONS, fails))
    async with work() as uow:
        await uow.session.execute(text("UPDATE backbone.held SET status = 'parked' WHERE seq = 1"))
        return str((await uow.session.execute(text("SELECT id FROM backbone.held WHERE seq = 1"))).scalar_one())


async def test_parked_events_are_listed_and_shown_with_the_reason_but_no_patients_name(
    operations: Operations, parked: str
) -> None:
    found = (await operations.get("/parked")).json()
    assert {(one["service"], one["status"], one["seq"]) for one in found["items"]} == {
        ("operations", "parked", 1),
        ("operations", "behind", 2),
    }
    assert [one["service"] for one in found["silent"]] == ["referral", "scheduling", "followup"]
    assert "name of a patient" not in (await operations.get(f"/parked/{parked}", service="operations")).text
    only = (await operations.get("/parked", status="parked")).json()
    assert [one["id"] for one in only["items"]] == [parked]


async def test_a_parked_event_is_retried_where_it_is_held_and_what_was_behind_it_goes_on(
    operations: Operations, parked: str, work: Work
) -> None:
    done = await operations.post(f"/parked/{parked}/retry?service=operations", "the table is there now")
    assert (done.status_code, done.json()["status"], done.json()["service"]) == (200, "resolved", "operations")
    assert (await operations.get("/parked")).json()["items"] == []
    assert (await operations.get("/counts")).json()["counts"][0]["stage"] == "decision"
    again = await operations.post(f"/parked/{parked}/retry?service=operations")
    problem(again, 409, "already-ended")
    async with work() as uow:
        rows = (await uow.session.execute(select(audit.c.actor, audit.c.reason).where(audit.c.action == "retry"))).all()
    assert [tuple(row) for row in rows] == [("operations:olga", "the table is there now")]


async def test_the_same_request_sent_twice_is_done_once_and_answered_alike(operations: Operations, parked: str) -> None:
    headers, address = operations.bearer(), f"/parked/{parked}/discard?service=operations"
    answers = [
        await operations.client.post(address, json={"reason": "entered twice"}, headers=headers) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["status"] == "discarded"


async def test_while_a_service_that_may_hold_it_is_silent_nothing_is_claimed(operations: Operations) -> None:
    found = problem(await operations.get(f"/parked/{uuid4()}"), 503, "unavailable")
    assert "referral cannot be reached" in found["detail"]
    problem(await operations.post(f"/dead-letters/{uuid4()}/discard"), 503, "unavailable")
    problem(await operations.get(f"/parked/{uuid4()}", service="operations"), 404, "not-found")


async def test_a_dead_letter_is_listed_retried_in_vain_and_discarded_with_a_reason(
    operations: Operations, work: Work
) -> None:
    await hear(work, Incoming("reliefpath.referral", 0, 7, b"key", b"not ours", [], int(NOON.timestamp() * 1000)))
    [letter] = (await operations.get("/dead-letters")).json()["items"]
    assert (letter["service"], letter["offset"], letter["bytes"], letter["status"]) == ("operations", 7, 8, "new")
    address = f"/dead-letters/{letter['id']}"
    assert (await operations.get(address, service="operations")).json() == letter
    again = await operations.post(f"{address}/retry?service=operations")
    assert again.json()["status"] == "failed_again"
    done = (await operations.post(f"{address}/discard?service=operations", "a probe of ours")).json()
    assert (done["status"], done["ended_by"], done["ended_because"]) == (
        "discarded",
        "operations:olga",
        "a probe of ours",
    )
    assert (await operations.get("/dead-letters")).json()["items"] == []
    shown = (await operations.get("/dead-letters", status="discarded")).json()["items"]
    assert [one["id"] for one in shown] == [letter["id"]]


async def test_a_parked_deadline_is_listed_retried_and_discarded_where_it_is(
    operations: Operations, work: Work, store: Database
) -> None:
    journeys = [uuid4() for _ in range(2)]
    for journey in journeys:
        async with work() as uow:
            await set_deadline(uow, "call", journey=journey, subject=journey, due_at=uow.now)
        assert await DeadlineWatch(store, {"call": fails}, "operations", 1).take_one()
    first, second = (await operations.get("/deadlines")).json()["items"]
    assert [(one["service"], one["status"], one["journey"]) for one in (first, second)] == [
        ("operations", "parked", str(journey)) for journey in journeys
    ]
    assert "name of a patient" not in first["reason"]
    address = f"/deadlines/{first['id']}"
    assert (await operations.get(address, service="operations")).json() == first
    again = (await operations.post(f"{address}/retry?service=operations")).json()
    assert (again["status"], again["reason"]) == ("parked", "nobody handles call")

    async def succeeds(*_: object) -> None: ...

    operations.app.state.alarm = Alarm("operations", {"call": succeeds})
    done = (await operations.post(f"{address}/retry?service=operations", "it is handled now")).json()
    assert (done["status"], done["ended_by"], done["ended_because"]) == (
        "fired",
        "operations:olga",
        "it is handled now",
    )
    done = (await operations.post(f"/deadlines/{second['id']}/discard?service=operations")).json()
    assert done["status"] == "discarded"
    assert (await operations.get("/deadlines")).json()["items"] == []
    shown = (await operations.get("/deadlines", status="fired")).json()["items"]
    assert [one["id"] for one in shown] == [first["id"]]


async def test_other_services_see_the_operators_own_token(operations: Operations) -> None:
    headers = operations.bearer()
    await operations.client.get("/lag", headers=headers)
    assert {one.headers["authorization"] for one in operations.wires.requests} == {headers["Authorization"]}
    assert {one.url.host for one in operations.wires.requests} == {"referral", "scheduling", "followup", "operations"}
