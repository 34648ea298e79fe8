"""A case: whoever waits for something else still answers the phone; at home a nurse answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.directory import HOME_EAST, PAIN_CENTRE
from simulator.patients import Response
from simulator.play import WentWrong
from tests.support.papers import BEGIN, Papers, offers


async def test_check_ins_that_fall_due_are_answered_while_something_else_is_waited_for() -> None:
    papers = Papers()
    case = papers.case()
    due = offers("complete", id="1", due_at=(BEGIN + timedelta(days=2)).isoformat(), state="due", attempts=0)
    papers.lists["/check-ins"] = [due]
    papers.things["/check-ins/1"] = due
    await case.agenda.note(case.staff.coordinator, "course", Response.HELPS)
    await case.pause(BEGIN + timedelta(days=9))
    assert papers.actions() == [("patient", "complete")]
    assert case.now == BEGIN + timedelta(days=9)


async def test_what_is_never_seen_is_told() -> None:
    async def look() -> None:
        return None

    with pytest.raises(WentWrong, match="pigs fly"):
        await Papers().case().until("pigs fly", look)


def test_at_home_the_nurse_of_the_team_answers() -> None:
    case = Papers().case()
    assert case.respondent is case.person
    case.home_team = HOME_EAST
    assert case.respondent is case.cast.nurses[HOME_EAST]


def test_the_people_of_the_place_that_has_the_patient_act() -> None:
    case = Papers().case()
    case.at = PAIN_CENTRE
    assert case.staff.facility == PAIN_CENTRE
