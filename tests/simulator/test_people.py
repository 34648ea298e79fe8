"""People take only what they are offered, read again when others were faster, and tell every reason."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from backbone.client import Refusal
from reliefpath.vocabulary import Role
from simulator.people import NotOffered, Thing, stands_against
from tests.support.papers import Papers, offers

REFERRAL = Thing("referral", "referrals", "1")


def finding(pointer: str | None = None) -> dict[str, object]:
    return {"code": "c", "message": "It is Sunday.", "satisfy": "Wait for Monday.", "pointer": pointer}


async def test_an_action_that_is_offered_is_taken_on_the_version_that_was_read() -> None:
    papers = Papers({REFERRAL.path: offers("accept")})
    await papers.person(Role.COORDINATOR).do("accept", REFERRAL, urgency="soon")
    read, sent = papers.sent
    assert (read.method, read.path) == ("GET", "/referrals/1")
    assert (sent.method, sent.path, sent.version, sent.body) == (
        "POST", "/referrals/1/accept", '"1"', {"urgency": "soon"},
    )  # fmt: skip


async def test_an_action_that_is_not_offered_is_never_taken() -> None:
    papers = Papers({REFERRAL.path: offers("receive", state="requested")})
    with pytest.raises(
        NotOffered, match="coordinator wants to accept /referrals/1, but it is requested and offers only: receive"
    ):
        await papers.person(Role.COORDINATOR).do("accept", REFERRAL)
    assert [one.method for one in papers.sent] == ["GET"]


async def test_an_action_with_something_against_it_is_never_taken_and_every_reason_is_told() -> None:
    papers = Papers({REFERRAL.path: offers("accept", unmet={"accept": [finding(), finding("/urgency")]})})
    with pytest.raises(NotOffered, match=r"It is Sunday\. Wait for Monday\. It is Sunday\."):
        await papers.person(Role.COORDINATOR).do("accept", REFERRAL)
    assert [one.method for one in papers.sent] == ["GET"]


def test_what_a_finding_asks_for_in_the_command_does_not_stand_against_a_command_that_says_it() -> None:
    shown = offers("accept", unmet={"accept": [finding("/override_reason")]})
    assert stands_against(shown, "accept", {"override_reason": "She is in agony."}) is None
    assert stands_against(shown, "accept", {}) is not None


async def test_what_is_still_on_the_screen_is_good_enough_to_decide_on() -> None:
    papers = Papers({REFERRAL.path: offers("submit", "authorise")})
    coordinator = papers.person(Role.COORDINATOR)
    await coordinator.do("submit", REFERRAL)
    await coordinator.do("authorise", REFERRAL)
    assert [(one.method, one.version) for one in papers.sent] == [("GET", None), ("POST", '"1"'), ("POST", '"2"')]


async def test_a_screen_that_does_not_offer_the_action_is_read_again_first() -> None:
    papers = Papers({REFERRAL.path: offers("receive")})
    coordinator = papers.person(Role.COORDINATOR)
    await coordinator.read(REFERRAL)
    papers.things[REFERRAL.path] = offers("accept")
    await coordinator.do("accept", REFERRAL)
    assert papers.actions() == [("coordinator", "accept")]


async def test_when_others_were_faster_the_thing_is_read_again_and_decided_on_again() -> None:
    papers = Papers({REFERRAL.path: offers("accept")})
    stale, done = httpx2.Response(412, json={"title": "stale"}), httpx2.Response(200, json=offers())
    answers = [stale, done]
    papers.answers[f"{REFERRAL.path}/accept"] = lambda _: answers.pop(0)
    await papers.person(Role.COORDINATOR).do("accept", REFERRAL)
    assert [one.method for one in papers.sent] == ["GET", "POST", "GET", "POST"]


async def test_an_action_that_vanished_meanwhile_is_not_taken_again() -> None:
    papers = Papers({REFERRAL.path: offers("accept")})

    def faster(_: object) -> httpx2.Response:
        papers.things[REFERRAL.path] = offers(state="cancelled")
        return httpx2.Response(412, json={"title": "stale"})

    papers.answers[f"{REFERRAL.path}/accept"] = faster
    with pytest.raises(NotOffered, match="it is cancelled"):
        await papers.person(Role.COORDINATOR).do("accept", REFERRAL)


async def test_a_refusal_is_passed_on_with_all_its_reasons() -> None:
    papers = Papers({REFERRAL.path: offers("accept")})
    errors = [{"code": "a", "message": "First."}, {"code": "b", "message": "Second."}]
    papers.answers[f"{REFERRAL.path}/accept"] = lambda _: httpx2.Response(409, json={"title": "No", "errors": errors})
    with pytest.raises(Refusal, match=r"First\.; Second\.") as refused:
        await papers.person(Role.COORDINATOR).do("accept", REFERRAL)
    assert refused.value.codes == {"a", "b"}


async def test_a_list_is_read_to_its_last_page() -> None:
    papers = Papers()
    pages: list[dict[str, Any]] = [{"items": [{"id": 1}], "next": "more"}, {"items": [{"id": 2}], "next": None}]
    papers.answers["/referrals"] = lambda _: pages.pop(0)
    person = papers.person(Role.COORDINATOR)
    assert [one["id"] async for one in person.listed("referral", "/referrals", state="requested")] == [1, 2]
    assert [one.query.get("cursor") for one in papers.sent] == [None, "more"]
    assert {one.query["state"] for one in papers.sent} == {"requested"}
