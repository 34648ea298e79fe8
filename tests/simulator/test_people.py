"""People take only what they are offered, read again when others were faster, and tell every reason."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from reliefpath.vocabulary import Role
from reliefpath_client import Referral, Refusal, referral
from simulator.people import NotOffered, Thing, stands_against
from tests.support.papers import Papers, offers

REFERRAL = Thing("referral", "referral", "1")
PATH = "/referrals/1"
SOON = referral.Accept(urgency="soon")


def finding(pointer: str | None = None) -> dict[str, object]:
    return {"code": "c", "message": "It is Sunday.", "satisfy": "Wait for Monday.", "pointer": pointer}


async def test_an_action_that_is_offered_is_taken_on_the_version_that_was_read() -> None:
    papers = Papers({PATH: offers("accept")})
    await papers.person(Role.COORDINATOR).do(Referral.referral_accept, REFERRAL, SOON)
    read, sent = papers.sent
    assert (read.method, read.path) == ("GET", "/referrals/1")
    assert (sent.method, sent.path, sent.version, sent.body) == (
        "POST", "/referrals/1/accept", '"1"', {"urgency": "soon"},
    )  # fmt: skip


async def test_an_action_that_is_not_offered_is_never_taken() -> None:
    papers = Papers({PATH: offers("receive", state="requested")})
    with pytest.raises(
        NotOffered, match="coordinator wants to accept referral 1, but it is requested and offers only: receive"
    ):
        await papers.person(Role.COORDINATOR).do(Referral.referral_accept, REFERRAL, SOON)
    assert [one.method for one in papers.sent] == ["GET"]


async def test_an_action_with_something_against_it_is_never_taken_and_every_reason_is_told() -> None:
    papers = Papers({PATH: offers("accept", unmet={"accept": [finding(), finding("/override_reason")]})})
    with pytest.raises(NotOffered, match=r"It is Sunday\. Wait for Monday\. It is Sunday\."):
        await papers.person(Role.COORDINATOR).do(Referral.referral_accept, REFERRAL, SOON)
    assert [one.method for one in papers.sent] == ["GET"]


def test_what_a_finding_asks_for_in_the_command_does_not_stand_against_a_command_that_says_it() -> None:
    shown = offers("accept", unmet={"accept": [finding("/override_reason")]})
    assert stands_against(shown, "accept", {"override_reason": "She is in agony."}) is None
    assert stands_against(shown, "accept", {}) is not None


async def test_what_is_still_on_the_screen_is_good_enough_to_decide_on() -> None:
    papers = Papers({PATH: offers("hold", "resume")})
    coordinator = papers.person(Role.COORDINATOR)
    await coordinator.do(Referral.referral_hold, REFERRAL, referral.Because(reason_code="holiday"))
    await coordinator.do(Referral.referral_resume, REFERRAL)
    assert [(one.method, one.version) for one in papers.sent] == [("GET", None), ("POST", '"1"'), ("POST", '"2"')]


async def test_a_screen_that_does_not_offer_the_action_is_read_again_first() -> None:
    papers = Papers({PATH: offers("receive")})
    coordinator = papers.person(Role.COORDINATOR)
    await coordinator.read(REFERRAL)
    papers.things[PATH] = offers("accept")
    await coordinator.do(Referral.referral_accept, REFERRAL, SOON)
    assert papers.actions() == [("coordinator", "accept")]


async def test_when_others_were_faster_the_thing_is_read_again_and_decided_on_again() -> None:
    papers = Papers({PATH: offers("accept")})
    stale, done = httpx2.Response(412, json={"title": "stale"}), httpx2.Response(200, json=offers())
    answers = [stale, done]
    papers.answers[f"{PATH}/accept"] = lambda _: answers.pop(0)
    await papers.person(Role.COORDINATOR).do(Referral.referral_accept, REFERRAL, SOON)
    assert [one.method for one in papers.sent] == ["GET", "POST", "GET", "POST"]


async def test_an_action_that_vanished_meanwhile_is_not_taken_again() -> None:
    papers = Papers({PATH: offers("accept")})

    def faster(_: object) -> httpx2.Response:
        papers.things[PATH] = offers(state="cancelled")
        return httpx2.Response(412, json={"title": "stale"})

    papers.answers[f"{PATH}/accept"] = faster
    with pytest.raises(NotOffered, match="it is cancelled"):
        await papers.person(Role.COORDINATOR).do(Referral.referral_accept, REFERRAL, SOON)


async def test_a_refusal_is_passed_on_with_all_its_reasons() -> None:
    papers = Papers({PATH: offers("accept")})
    errors = [{"code": "a", "message": "First."}, {"code": "b", "message": "Second."}]
    papers.answers[f"{PATH}/accept"] = lambda _: httpx2.Response(409, json={"title": "No", "errors": errors})
    with pytest.raises(Refusal, match=r"First\.; Second\.") as refused:
        await papers.person(Role.COORDINATOR).do(Referral.referral_accept, REFERRAL, SOON)
    assert refused.value.codes == {"a", "b"}


async def test_an_action_is_looked_for_under_the_name_by_which_it_is_offered() -> None:
    papers = Papers({PATH: offers("ask-information")})
    asked = referral.AskInformation(items=["ecog"])
    await papers.person(Role.COORDINATOR).do(Referral.referral_ask_information, REFERRAL, asked)
    assert papers.actions() == [("coordinator", "ask-information")]


@pytest.mark.parametrize("take", [Referral.course_request, Referral.referral])
async def test_what_is_done_to_another_sort_of_thing_is_never_sent(take: Any) -> None:
    papers = Papers({PATH: offers("request")})
    with pytest.raises(TypeError, match="is nothing that can be done to a referral"):
        await papers.person(Role.COORDINATOR).do(take, REFERRAL)
    assert papers.sent == []
