"""Handovers: asked by the pain service, answered by the team that was asked, or by nobody."""

from __future__ import annotations

import pytest

from reliefpath.vocabulary import Setting
from simulator import home
from simulator.directory import HOME_EAST, HOME_WEST
from simulator.people import Thing
from simulator.play import WentWrong
from tests.support.papers import JOURNEY, Papers, offers, path_of

HANDOVER = Thing("followup", "handover", "h")


def papers_with(setting: str = "home", state: str = "offered") -> Papers:
    papers = Papers({path_of(HANDOVER): offers("accept", "activate", "end", state=state)})
    papers.things[f"/journeys/{JOURNEY}"] = {"setting": setting}
    papers.lists["/handovers"] = [{"id": "h"}]
    return papers


async def test_a_further_offer_names_the_one_it_follows() -> None:
    papers = Papers()
    papers.answers["/handovers"] = lambda _: {"id": "h"}
    assert await home.offer(papers.case(), HOME_WEST, follows=Thing("followup", "handovers", "before")) == HANDOVER
    said = papers.body("/handovers")
    assert (said["to"], said["follows"], said["journey"]) == (HOME_WEST, "before", JOURNEY)


async def test_the_team_that_was_asked_accepts_and_takes_over_and_then_answers_for_the_patient() -> None:
    papers = papers_with()
    case = papers.case()
    await home.take_over(case, HANDOVER, HOME_EAST)
    assert papers.actions() == [(HOME_EAST, "accept"), (HOME_EAST, "activate")]
    assert (case.home_team, case.setting) == (HOME_EAST, Setting.HOME)


async def test_it_must_be_seen_that_the_care_has_moved() -> None:
    with pytest.raises(WentWrong, match="the journey is at home"):
        await home.take_over(papers_with(setting="outpatient").case(), HANDOVER, HOME_EAST)


async def test_an_unanswered_offer_is_seen_to_once_it_has_timed_out() -> None:
    papers = papers_with(state="timed_out")
    attention = {"id": "a", "kind": "handover_timed_out", "state": "open"}
    papers.things |= {"/referrals/r": offers(attentions=[attention]), "/attentions/a": offers("clear")}
    await home.let_time_out(papers.case(), HANDOVER)
    assert papers.actions() == [("coordinator", "clear")]


async def test_the_home_team_itself_writes_down_the_end() -> None:
    papers = papers_with()
    case = papers.case()
    case.home_team = HOME_WEST
    await home.end(case, HANDOVER)
    assert papers.actions() == [(HOME_WEST, "end")]
