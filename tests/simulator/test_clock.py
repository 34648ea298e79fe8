"""The clock: it waits until everything said has taken effect, says what has not, and moves all services together."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reliefpath.vocabulary import Role
from reliefpath_client.development import Stillness
from simulator.clock import Clock, NotStill, next_stop, read_stillness
from simulator.network import SERVICES
from tests.support.papers import Papers

TOPIC = "reliefpath.referral"


def still(said: int = 0, heard: int = 0, due: int = 0, failed: int = 0, deadline: str | None = None) -> Stillness:
    return {
        "said": {TOPIC: said} if said else {},
        "heard": {TOPIC: heard},
        "deadlines_due": due,
        "deadlines_failed": failed,
        "next_deadline": deadline,
    }


def test_what_was_said_and_not_heard_is_told_by_service_and_topic() -> None:
    looked = read_stillness({"referral": still(said=5, heard=5), "followup": still(heard=3)})
    assert looked.behind == ("followup has yet to hear 2 events of reliefpath.referral",)
    assert looked.total == 5


def test_a_deadline_that_is_due_is_something_to_wait_for() -> None:
    assert read_stillness({"followup": still(due=2)}).behind == ("2 deadlines are due in followup",)


def test_the_next_deadline_is_the_earliest_of_all_services() -> None:
    shown = {"a": still(deadline="2026-12-02T00:00:00Z"), "b": still(deadline="2026-12-01T00:00:00Z"), "c": still()}
    assert read_stillness(shown).next_deadline == datetime(2026, 12, 1, tzinfo=UTC)


async def test_everything_is_still_only_when_two_looks_find_the_same() -> None:
    papers, looks = Papers(), itertools.count()

    def shown(_: object) -> Stillness:
        look = next(looks) // len(SERVICES)
        return still(said=min(look, 2), heard=min(look, 2))

    papers.answers["/development/stillness"] = shown
    found = await Clock(papers.person(Role.OPERATIONS)).settle()
    assert found.total == 2
    assert next(looks) == 4 * len(SERVICES)


async def test_what_never_takes_effect_is_told_with_what_is_held() -> None:
    papers = Papers()
    papers.answers["/development/stillness"] = lambda _: still(said=1)
    held = {
        "service": "followup",
        "type": "reliefpath.referral.PatientDied.v1",
        "status": "parked",
        "reason": "KeyError",
    }
    papers.lists["/parked"] = [held]
    with pytest.raises(
        NotStill, match=r"has yet to hear 1 events.*followup holds .*PatientDied.* \(parked\): KeyError"
    ):
        await Clock(papers.person(Role.OPERATIONS)).settle(patience=0.2)


async def test_a_deadline_that_failed_for_good_ends_the_run() -> None:
    papers = Papers()
    papers.answers["/development/stillness"] = lambda _: still(failed=1)
    with pytest.raises(NotStill, match="A deadline failed for good in referral"):
        await Clock(papers.person(Role.OPERATIONS)).settle()


async def test_all_services_are_brought_to_the_one_that_is_furthest_ahead() -> None:
    papers, shifts = Papers(), iter([10.0, 3600.0, 0.0, 60.0])

    def answer(body: Any) -> dict[str, Any]:
        return {"shift_seconds": next(shifts) if body is None else body["shift_seconds"]}

    papers.answers["/development/clock"] = answer
    clock = Clock(papers.person(Role.OPERATIONS))
    await clock.start()
    assert [one.body for one in papers.sent if one.method == "PUT"] == [{"shift_seconds": 3600.0}] * len(SERVICES)
    assert timedelta(seconds=3590) < clock.now - datetime.now(UTC) <= timedelta(seconds=3600)


async def test_the_clock_goes_forward_in_all_services_and_never_back() -> None:
    papers = Papers()
    papers.answers["/development/clock"] = lambda body: body
    clock = Clock(papers.person(Role.OPERATIONS))
    await clock.forward(clock.now - timedelta(days=1))
    assert papers.sent == []
    await clock.forward(clock.now + timedelta(days=1))
    shifts = {one.body["shift_seconds"] for one in papers.sent}
    assert len(papers.sent) == len(SERVICES)
    assert len(shifts) == 1
    assert clock.now - datetime.now(UTC) > timedelta(hours=23)


@pytest.mark.parametrize(
    ("moment", "stop"),
    [
        ("2026-11-23T00:00", "2026-11-23T07:00"),
        ("2026-11-23T07:00", "2026-11-23T07:00"),
        ("2026-11-23T07:01", "2026-11-23T15:00"),
        ("2026-11-23T15:01", "2026-11-24T07:00"),
        ("2026-12-31T23:59", "2027-01-01T07:00"),
    ],
)
def test_the_clock_stops_at_the_next_working_hour(moment: str, stop: str) -> None:
    assert next_stop(datetime.fromisoformat(f"{moment}+00:00")) == datetime.fromisoformat(f"{stop}+00:00")
