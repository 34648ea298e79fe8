"""Check-ins: answered when they are asked, not before, and after as many tries as it takes to hear the phone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reliefpath.vocabulary import Role
from simulator.checkins import Agenda
from simulator.patients import Response, generate
from simulator.pictures import RECTUM
from tests.support.papers import BEGIN, Papers, offers

LATER = BEGIN + timedelta(days=1)


def check_in(number: int, *, days: int, state: str = "scheduled", attempts: int = 0) -> dict[str, Any]:
    due_at = (BEGIN + timedelta(days=days)).isoformat()
    return offers("complete", id=str(number), due_at=due_at, state=state, attempts=attempts)


async def agenda_of(papers: Papers, *check_ins: dict[str, Any], unheard: int = 0) -> Agenda:
    papers.lists["/check-ins"] = list(check_ins)
    papers.things |= {f"/check-ins/{one['id']}": one for one in check_ins}
    agenda = Agenda()
    await agenda.note(papers.person(Role.COORDINATOR), "course", Response.HELPS, unheard=unheard)
    return agenda


async def test_the_next_look_at_the_phone_is_when_the_earliest_check_in_is_due() -> None:
    agenda = await agenda_of(Papers(), check_in(2, days=7), check_in(1, days=1))
    assert agenda.next() == LATER
    assert agenda.end == agenda.last("course") == BEGIN + timedelta(days=7)
    assert agenda.last("another course") is None


async def test_nobody_is_asked_before_the_time() -> None:
    papers = Papers()
    agenda = await agenda_of(papers, check_in(1, days=1, state="due"))
    assert await agenda.asked(papers.person(Role.PATIENT), BEGIN) is None


async def test_a_due_check_in_is_answered_with_scores_within_the_scale() -> None:
    papers = Papers()
    agenda = await agenda_of(papers, check_in(1, days=1, state="due"))
    patient = papers.person(Role.PATIENT)
    asked = await agenda.asked(patient, LATER)
    assert asked is not None
    await agenda.answer(asked, patient, generate(1, 1, RECTUM))
    said = papers.body("/check-ins/1/complete")
    assert 0 <= said["average_pain"] <= said["worst_pain"] <= 10
    assert (agenda.planned, agenda.answered) == ([], 1)


async def test_an_unheard_call_is_answered_only_after_it_was_repeated() -> None:
    papers = Papers()
    agenda = await agenda_of(papers, check_in(1, days=1, state="due"), unheard=1)
    patient = papers.person(Role.PATIENT)
    assert await agenda.asked(patient, LATER) is None
    papers.things["/check-ins/1"] |= {"state": "missed", "attempts": 1}
    assert await agenda.asked(patient, LATER) is None
    assert await agenda.asked(patient, LATER + timedelta(days=1)) is not None


async def test_only_the_first_call_goes_unheard() -> None:
    agenda = await agenda_of(Papers(), check_in(1, days=1), check_in(2, days=7), unheard=2)
    assert [one.unheard for one in agenda.planned] == [2, 0]


async def test_a_check_in_that_was_cancelled_is_forgotten() -> None:
    papers = Papers()
    agenda = await agenda_of(papers, check_in(1, days=1, state="cancelled"))
    assert await agenda.asked(papers.person(Role.PATIENT), LATER) is None
    assert agenda.planned == []


async def test_after_a_death_nobody_answers() -> None:
    agenda = await agenda_of(Papers(), check_in(1, days=1))
    agenda.forget()
    assert agenda.next() is None
