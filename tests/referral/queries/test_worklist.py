"""The worklist says what needs a hand now, in that order, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from reliefpath.vocabulary import Role
from tests.support.referral import LARGER, RECEIVER, SENDER, Person, Place, draft


async def listed(person: Person, **query: Any) -> list[dict[str, Any]]:
    """Every line of the worklist, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await person.get("/referrals", **query, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found
        assert f"cursor={cursor}" in answer.headers["link"]


@pytest.fixture
async def several(place: Place) -> dict[str, str]:
    """One referral of each sort, by what it is."""
    pain = [{"kind": "pain_score", "value": 2, "on": "2026-11-20"}]
    taken = await place.active(urgency="emergency")
    closed = await place.requested()
    await place.referrer.done(f"/referrals/{closed['id']}/withdraw", {"reason_code": "mistake"})
    routine_first = await place.requested(facts=pain)
    routine = await place.requested(facts=pain)
    urgent = await place.requested(urgency="urgent")
    unknown = await place.requested(facts=[])
    missed = await place.active(urgency="routine")
    course = await place.performed(missed["id"], "treatment", "VAUG")
    await place.review(course)
    return {
        one["id"]: name
        for name, one in {
            "attention": missed,
            "urgent": urgent,
            "unknown": unknown,
            "routine first": routine_first,
            "routine": routine,
            "others": taken,
            "closed": closed,
        }.items()
    }


async def test_what_needs_a_hand_comes_first_then_the_more_urgent_then_what_waited_longest(
    place: Place, several: dict[str, str]
) -> None:
    names = [several[one["id"]] for one in await listed(place.coordinator)]
    assert names == ["attention", "urgent", "unknown", "routine first", "routine", "others", "closed"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_pages_of_any_size_hold_each_referral_once_and_in_order(
    place: Place, several: dict[str, str], limit: int
) -> None:
    whole = [one["id"] for one in await listed(place.coordinator)]
    assert [one["id"] for one in await listed(place.coordinator, limit=limit)] == whole
    assert len(whole) == len(several)


async def test_the_list_is_narrowed_by_state_urgency_and_need(place: Place, several: dict[str, str]) -> None:
    async def names(**query: Any) -> set[str]:
        return {several[one["id"]] for one in await listed(place.coordinator, **query)}

    assert await names(state="cancelled") == {"closed"}
    assert await names(state=["cancelled", "requested"], urgency="routine") == {"routine first", "routine"}
    assert await names(needs_a_hand=True) == {"attention", "urgent", "unknown", "routine first", "routine"}
    assert await names(needs_a_hand=False) == {"others", "closed"}


async def test_each_line_says_why_somebody_should_look(place: Place) -> None:
    sent = await place.requested()

    async def hands() -> tuple[list[str], list[str]]:
        [ours], [theirs] = await listed(place.coordinator), await listed(place.referrer)
        return ours["hand"], theirs["hand"]

    url = f"/referrals/{sent['id']}"
    assert await hands() == (["to_receive"], [])
    await place.coordinator.done(f"{url}/receive")
    assert await hands() == (["to_decide"], [])
    await place.coordinator.done(f"{url}/ask-information", {"items": ["stage"]})
    assert await hands() == ([], ["to_supply_information"])
    await place.referrer.done(f"{url}/request-cancellation", {"reason_code": "moved-away"})
    assert await hands() == (["to_answer_cancellation"], [])


async def test_a_draft_waits_for_its_sender_alone(place: Place) -> None:
    await place.referrer.done("/referrals", draft(), version=None)
    [mine] = await listed(place.referrer)
    assert (mine["state"], mine["hand"], mine["stage"]) == ("draft", ["to_send"], None)
    assert await listed(place.coordinator) == []


async def test_everybody_sees_the_referrals_of_their_own_facilities(place: Place) -> None:
    here, there = await place.requested(), await place.requested(to=LARGER)
    both = place.person(Role.COORDINATOR, RECEIVER, LARGER)
    assert {one["id"] for one in await listed(both)} == {here["id"], there["id"]}
    assert {one["id"] for one in await listed(place.coordinator)} == {here["id"]}
    assert len(await listed(place.person(Role.COORDINATOR, SENDER))) == 2


async def test_a_cursor_that_was_not_given_out_here_is_refused(place: Place) -> None:
    for cursor in ("nonsense", "WzFd"):
        answer = await place.coordinator.get("/referrals", cursor=cursor)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/cursor"
