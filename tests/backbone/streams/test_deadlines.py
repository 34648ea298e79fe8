"""Deadlines that are parked: they tell why, fire when they are retried, and are let go for a reason."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backbone.database import Database, UnitOfWork
from backbone.deadlines import Alarm, Deadline, DeadlineWatch, set_deadline
from backbone.rows import new_id
from reliefpath.envelope import load_headers
from tests.backbone.streams.ear import BECAUSE
from tests.support.visiting.served import Served
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import marks, received, rows, unit, value


class Calls:
    """A worker's alarm and the API's own, with one handler that fails while it is told to."""

    def __init__(self, served: Served, db: Database) -> None:
        self.served, self.db, self.failing = served, db, True
        served.app.state.alarm = Alarm("referral", {"call": self._call})

    async def _call(self, uow: UnitOfWork, deadline: Deadline) -> None:
        uow.session.add(Mark(journey=deadline.journey, seq=1, text=deadline.kind))
        uow.say(deadline.journey, received())
        if self.failing:
            raise ZeroDivisionError("Anna Meier")

    async def due(self, *, in_seconds: float = -60) -> UUID:
        """A deadline; its subject, which is its journey too."""
        thing = new_id()
        async with unit(self.db) as uow:
            at = uow.now + timedelta(seconds=in_seconds)
            await set_deadline(uow, "call", journey=thing, subject=thing, due_at=at)
        return thing

    async def parked(self, number: int = 1) -> list[dict[str, Any]]:
        """So many deadlines that failed too often, as the API shows them."""
        for nth in range(number):
            await self.due(in_seconds=nth - 60)
            assert await DeadlineWatch(self.db, {"call": self._call}, "referral", 1).take_one()
        return await self.shown()

    async def shown(self, **query: Any) -> list[dict[str, Any]]:
        """The deadlines of the first page."""
        return list((await self.served.get("/streams/deadlines", **query)).json()["items"])


@pytest.fixture
def calls(served: Served, db: Database) -> Calls:
    return Calls(served, db)


async def test_a_parked_deadline_is_shown_with_its_reason_and_an_open_one_only_when_asked_for(calls: Calls) -> None:
    (one,) = await calls.parked()
    thing = await calls.due(in_seconds=60)
    assert (one["status"], one["attempts"], one["ended_at"], one["kind"]) == ("parked", 1, None, "call")
    assert one["reason"].startswith("ZeroDivisionError at tests.backbone.streams.test_deadlines:")
    answer = await calls.served.get(f"/streams/deadlines/{one['id']}")
    assert answer.json() == one
    assert "Meier" not in answer.text
    audited = "SELECT actor, journeys FROM backbone.audit WHERE action = 'read' AND resource = 'deadline'"
    assert await rows(calls.db, audited) == [("operations:operations-1", [UUID(one["journey"])])]
    assert await calls.shown() == [one]
    assert [shown["subject"] for shown in await calls.shown(status="open")] == [str(thing)]
    assert len(await calls.shown(status=["open", "parked"])) == 2
    assert (await calls.served.get("/streams/deadlines", status="sideways")).status_code == 422


async def test_parked_deadlines_come_in_pages_the_earliest_first(calls: Calls) -> None:
    parked = await calls.parked(3)
    first = await calls.served.get("/streams/deadlines", limit=2)
    second = await calls.served.get("/streams/deadlines", limit=2, cursor=first.json()["next"])
    assert first.json()["items"] + second.json()["items"] == parked
    assert parked == sorted(parked, key=lambda one: str(one["due_at"]))
    assert second.json()["next"] is None


async def test_a_deadline_that_is_retried_fires_in_the_services_name_and_for_its_own_cause(calls: Calls) -> None:
    (one,) = await calls.parked()
    calls.failing = False
    answer = await calls.served.post(f"/streams/deadlines/{one['id']}/retry", BECAUSE)
    shown = answer.json()
    assert (answer.status_code, shown["status"], shown["reason"]) == (200, "fired", None)
    assert (shown["ended_by"], shown["ended_because"]) == ("operations:operations-1", BECAUSE["reason"])
    assert shown["ended_at"] is not None
    assert await marks(calls.db, UUID(one["journey"])) == [1]
    headers = dict(load_headers(await value(calls.db, "SELECT headers FROM backbone.outbox")))
    assert headers["ce_actor"] == b"system:referral"
    assert headers["ce_cause"].decode() == f"deadline:call:{one['id']}:{one['cause']}"
    assert await calls.shown() == []


async def test_a_deadline_that_fails_again_stays_parked_and_leaves_nothing(calls: Calls) -> None:
    (one,) = await calls.parked()
    answer = await calls.served.post(f"/streams/deadlines/{one['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()) == (200, one | {"attempts": 2})
    assert await marks(calls.db, UUID(one["journey"])) == []
    assert await calls.shown() == [one | {"attempts": 2}]


async def test_a_retried_deadline_that_its_handler_sets_anew_is_open_for_its_new_time(calls: Calls) -> None:
    async def again(uow: UnitOfWork, deadline: Deadline) -> None:
        later = uow.now + timedelta(days=1)
        await set_deadline(uow, "call", journey=deadline.journey, subject=deadline.subject, due_at=later)

    (one,) = await calls.parked()
    calls.served.app.state.alarm = Alarm("referral", {"call": again})
    shown = (await calls.served.post(f"/streams/deadlines/{one['id']}/retry", BECAUSE)).json()
    assert (shown["status"], shown["ended_at"], shown["attempts"], shown["cause"]) == ("open", None, 0, one["cause"])
    assert shown["due_at"] > one["due_at"]


async def test_a_discarded_deadline_has_no_effect_and_keeps_its_reason(calls: Calls) -> None:
    (one,) = await calls.parked()
    shown = (await calls.served.post(f"/streams/deadlines/{one['id']}/discard", BECAUSE)).json()
    assert (shown["status"], shown["reason"]) == ("discarded", one["reason"])
    assert (shown["ended_by"], shown["ended_because"]) == ("operations:operations-1", BECAUSE["reason"])
    assert await marks(calls.db, UUID(one["journey"])) == []
    assert await calls.shown() == []
    assert await calls.shown(status="discarded") == [shown]


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_only_a_parked_deadline_can_be_retried_or_discarded(calls: Calls, action: str) -> None:
    await calls.due(in_seconds=60)
    (coming,) = await calls.shown(status="open")
    answer = await calls.served.post(f"/streams/deadlines/{coming['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "not-parked")
    (one,) = await calls.parked()
    await calls.served.post(f"/streams/deadlines/{one['id']}/discard", BECAUSE)
    answer = await calls.served.post(f"/streams/deadlines/{one['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_mending_a_deadline_is_audited_and_done_once_per_key(calls: Calls, action: str) -> None:
    (one,) = await calls.parked()
    calls.failing = False
    path, key = f"/streams/deadlines/{one['id']}/{action}", str(new_id())
    once, again = [await calls.served.post(path, BECAUSE, key=key) for _ in range(2)]
    assert (once.status_code, once.json()) == (again.status_code, again.json())
    audited = "SELECT actor, reason, before, journeys FROM backbone.audit WHERE action = :action"
    assert await rows(calls.db, audited, action=action) == [
        ("operations:operations-1", BECAUSE["reason"], "parked", [UUID(one["journey"])])
    ]


async def test_several_operators_at_one_deadline_give_it_one_effect(calls: Calls) -> None:
    (one,) = await calls.parked()
    calls.failing = False
    path = f"/streams/deadlines/{one['id']}/retry"
    answers = await asyncio.gather(*[calls.served.post(path, BECAUSE) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await marks(calls.db, UUID(one["journey"])) == [1]
