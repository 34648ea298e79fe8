"""Visits: decisions on drugs first, then the first slot, then the day itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from simulator import visits
from simulator.people import Shown, Thing
from simulator.play import WentWrong
from tests.support.papers import BEGIN, Papers, offers, path_of

APPOINTMENT = Thing("scheduling", "appointment", "a")
ENDS_AT = (BEGIN + timedelta(days=3)).isoformat()
SLOT = {"starts_at": BEGIN.isoformat(), "ends_at": ENDS_AT, "minutes": 90, "resources": ["room"], "codes": ["ROOM-1"]}
ALL = ("book", "offer", "accept", "arrive", "start", "fulfil", "cancel", "miss", "record-hold", "record-discussion")


def hold(asks: str, *, drug: str = "apixaban", decided: str | None = None, needs: tuple[str, ...] = ()) -> Shown:
    return {"drug": drug, "asks": asks, "decided": decided, "needs": list(needs)}


def papers_with(*holds: Shown, slots: list[Shown] | None = None) -> Papers:
    shown = offers(*ALL, purpose="procedure", holds=list(holds), ends_at=ENDS_AT)
    papers = Papers({path_of(APPOINTMENT): shown})
    found = [SLOT] if slots is None else slots
    papers.answers[f"{path_of(APPOINTMENT)}/slots"] = lambda _: {"slots": found, "unmet": []}
    return papers


async def test_the_first_slot_after_some_notice_is_booked_by_the_scheduler() -> None:
    papers = papers_with()
    ends_at = await visits.book(papers.case(), APPOINTMENT)
    assert ends_at == BEGIN + timedelta(days=3)
    [asked] = [one for one in papers.sent if one.path.endswith("/slots")]
    assert asked.query["from"] == (BEGIN + visits.NOTICE).isoformat()
    assert papers.actions() == [("scheduler", "book")]
    assert papers.body("/book") == {"starts_at": SLOT["starts_at"], "minutes": 90, "resources": ["room"]}


async def test_a_patient_who_is_asked_takes_the_offer() -> None:
    papers = papers_with()
    await visits.book(papers.case(), APPOINTMENT, asking=True)
    assert papers.actions() == [("scheduler", "offer"), ("patient", "accept")]


async def test_without_any_slot_the_story_says_so() -> None:
    with pytest.raises(WentWrong, match="no slot for the procedure at PAIN-CLINIC"):
        await visits.book(papers_with(slots=[]).case(), APPOINTMENT)


async def test_a_hold_is_agreed_before_a_slot_is_looked_for() -> None:
    papers = papers_with(hold("a_hold", drug="enoxaparin"))
    await visits.book(papers.case(), APPOINTMENT)
    assert papers.actions() == [("clinician", "record-hold"), ("scheduler", "book")]
    said = papers.body("/record-hold")
    assert (said["drug"], said["last_dose_at"], said["form"]) == ("enoxaparin", BEGIN.isoformat(), "prophylactic")


@pytest.mark.parametrize("asks", ["unknown", "a_decision", "perhaps_a_decision"])
async def test_what_no_record_gives_a_time_for_is_talked_about_with_the_prescriber(asks: str) -> None:
    papers = papers_with(hold(asks))
    await visits.book(papers.case(), APPOINTMENT)
    assert papers.actions()[0] == ("clinician", "record-discussion")


@pytest.mark.parametrize("settled", [hold("nothing"), hold("a_hold", decided="hold")])
async def test_what_is_decided_or_needs_no_decision_is_left_alone(settled: Shown) -> None:
    papers = papers_with(settled)
    await visits.book(papers.case(), APPOINTMENT)
    assert papers.actions() == [("scheduler", "book")]


async def test_a_visit_takes_place_after_its_time_with_what_a_hold_needs_confirmed() -> None:
    papers = papers_with(hold("a_hold", decided="hold", needs=("normal_inr",)))
    case = papers.case()
    await visits.attend(case, APPOINTMENT)
    assert case.now == BEGIN + timedelta(days=3)
    assert papers.actions() == [("scheduler", "arrive"), ("clinician", "start"), ("clinician", "fulfil")]
    assert papers.body("/start") == {"confirmed": ["normal_inr"]}


async def test_a_patient_cancels_by_themselves_and_still_wants_to_come() -> None:
    papers = papers_with()
    await visits.cancel(papers.case(), APPOINTMENT)
    assert papers.actions() == [("patient", "cancel")]
    assert papers.body("/cancel")["still_wanted"] is True


async def test_a_no_show_is_written_down_only_after_the_time() -> None:
    papers = papers_with()
    case = papers.case()
    await visits.miss(case, APPOINTMENT)
    assert (case.now, papers.actions()) == (BEGIN + timedelta(days=3), [("scheduler", "miss")])


async def test_the_appointment_to_book_is_found_in_the_worklist() -> None:
    papers = Papers(lists={"/appointments": [{"id": "a"}]})
    found: Any = await visits.requested(papers.case(), visits.PROCEDURE, "course")
    assert found == APPOINTMENT
    assert papers.sent[0].query["course"] == "course"
    assert papers.sent[0].query["state"] == "requested"
