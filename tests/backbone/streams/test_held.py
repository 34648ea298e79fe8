"""Held events: they tell why, are tried again with those behind them, and are let go in their order."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone.rows import new_id
from tests.backbone.streams.ear import BECAUSE, Ear
from tests.support.visiting.world import arrived, marks, rows, unit, value


async def test_held_events_tell_why_without_quoting_the_error(ear: Ear) -> None:
    stream, (first, second) = await ear.held()
    assert (first["status"], first["attempts"], second["status"]) == ("retrying", 1, "behind")
    assert first["reason"].startswith("ZeroDivisionError at tests.backbone.streams.ear:")
    answer = await ear.served.get(f"/streams/held/{first['id']}")
    assert "Meier" not in answer.text
    assert answer.json()["headers"]["ce_type"] == first["type"] == arrived().type
    read = "SELECT actor, journeys FROM backbone.audit WHERE action = 'read' AND resource_id = :id"
    assert await rows(ear.db, read, id=UUID(first["id"])) == [("operations:operations-1", [stream])]


async def test_held_events_come_in_pages_and_by_status(ear: Ear) -> None:
    await ear.held(events=3)
    _, (first, *_) = await ear.held(events=1)
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": 1}
    while "cursor" not in asked or asked["cursor"] is not None:
        page = (await ear.served.get("/streams/held", **asked)).json()
        seen += [one["id"] for one in page["items"]]
        asked["cursor"] = page["next"]
    assert len(seen) == len(set(seen)) == 4
    behind = (await ear.served.get("/streams/held", status="behind")).json()["items"]
    assert [one["seq"] for one in behind] == [2, 3]
    assert (await ear.served.get("/streams/held", status="sideways")).status_code == 422
    assert first["id"] in seen


async def test_a_retry_that_succeeds_gives_its_effect_to_the_event_and_to_those_behind_it(ear: Ear) -> None:
    stream, (first, second) = await ear.held()
    ear.failing = False
    answer = await ear.served.post(f"/streams/held/{first['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
    assert answer.json()["ended_by"] == "operations:operations-1"
    assert await marks(ear.db, stream) == [1, 2]
    assert (await ear.served.get(f"/streams/held/{second['id']}")).json()["status"] == "resolved"
    assert (await ear.served.get("/streams/held")).json()["items"] == []
    resolved = (await ear.served.get("/streams/held", status="resolved")).json()["items"]
    assert {one["id"] for one in resolved} == {first["id"], second["id"]}


async def test_a_retry_that_fails_again_parks_the_event(ear: Ear) -> None:
    stream, (first, _) = await ear.held()
    answer = await ear.served.post(f"/streams/held/{first['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"], answer.json()["attempts"]) == (200, "parked", 2)
    assert await marks(ear.db, stream) == []


async def test_a_discarded_event_has_no_effect_and_those_behind_it_go_on(ear: Ear) -> None:
    stream, (first, *_) = await ear.held(events=3)
    answer = await ear.served.post(f"/streams/held/{first['id']}/discard", BECAUSE)
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "discarded")
    assert (shown["ended_by"], shown["ended_because"]) == ("operations:operations-1", BECAUSE["reason"])
    assert await marks(ear.db, stream) == [2, 3]


async def test_only_the_first_of_a_stream_can_be_discarded(ear: Ear) -> None:
    stream, (_, second) = await ear.held()
    answer = await ear.served.post(f"/streams/held/{second['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "not-first")
    assert await marks(ear.db, stream) == []
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE action = 'discard'") == 0


async def test_an_event_whose_predecessor_was_never_heard_cannot_be_discarded(ear: Ear) -> None:
    stream = new_id()
    await ear.hear(ear.say(stream, seq=5))
    (missing,) = (await ear.served.get("/streams/held", status="missing")).json()["items"]
    answer = await ear.served.post(f"/streams/held/{missing['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "earlier-missing")


async def test_behind_a_discarded_event_one_that_was_never_heard_cannot_be_stepped_over(ear: Ear) -> None:
    stream = new_id()
    one, two, three = (ear.say(stream) for _ in range(3))
    await ear.hear(one)
    await ear.hear(three)
    first, later = await ear.shown(stream)
    assert (later["seq"], later["status"], later["reason"]) == (3, "behind", "it waits behind seq 1")
    assert (await ear.served.post(f"/streams/held/{first['id']}/discard", BECAUSE)).status_code == 200
    (left,) = await ear.shown(stream)
    assert (left["seq"], left["status"], left["reason"]) == (3, "missing", "seq 2 has not been heard")
    answer = await ear.served.post(f"/streams/held/{left['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "earlier-missing")
    await ear.hear(two)
    assert await marks(ear.db, stream) == [2, 3]


async def test_what_stands_before_a_gap_is_not_discarded_whatever_its_row_says(ear: Ear) -> None:
    stream = new_id()
    await ear.hear(ear.say(stream, seq=3))
    async with unit(ear.db) as uow:
        await uow.session.execute(text("UPDATE backbone.held SET status = 'behind'"))
    (held,) = await ear.shown(stream)
    answer = await ear.served.post(f"/streams/held/{held['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "earlier-missing")


async def test_what_had_its_effect_before_it_came_again_cannot_be_discarded(ear: Ear) -> None:
    ear.failing = False
    stream = new_id()
    said = [ear.say(stream) for _ in range(2)]
    await ear.hear(*said)
    await ear.hear_while_locked(*said)
    again, _ = await ear.shown(stream)
    answer = await ear.served.post(f"/streams/held/{again['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")
    assert await marks(ear.db, stream) == [1, 2]


async def test_a_retry_before_a_gap_says_that_the_next_is_missing(ear: Ear) -> None:
    stream = new_id()
    one, _, three = (ear.say(stream) for _ in range(3))
    await ear.hear(one)
    await ear.hear(three)
    first, _ = await ear.shown(stream)
    ear.failing = False
    answer = await ear.served.post(f"/streams/held/{first['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
    (left,) = await ear.shown(stream)
    assert (left["seq"], left["status"], left["reason"]) == (3, "missing", "seq 2 has not been heard")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_a_held_event_that_has_ended_stays_ended(ear: Ear, action: str) -> None:
    _, (first,) = await ear.held(events=1)
    await ear.served.post(f"/streams/held/{first['id']}/discard", BECAUSE)
    answer = await ear.served.post(f"/streams/held/{first['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")


async def test_an_operator_and_a_worker_at_the_same_event_give_it_one_effect(ear: Ear) -> None:
    stream, (first, _) = await ear.held()
    ear.failing = False
    path = f"/streams/held/{first['id']}/retry"
    answers = await asyncio.gather(*[ear.served.post(path, BECAUSE) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await marks(ear.db, stream) == [1, 2]
