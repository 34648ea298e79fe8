"""Endings: what must be so is read from all services, and whatever is otherwise is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reliefpath.vocabulary import Exit, Setting
from simulator import endings
from simulator.endings import Ending, Standing
from simulator.play import WentWrong
from tests.support.papers import JOURNEY, Papers, offers

COMPLETED = Ending(Exit.COMPLETED)
ELSEWHERE = ("/appointments", "/trials", "/check-ins", "/handovers")


def ended(**more: Any) -> Papers:
    shown = {
        "stage": "closed",
        "exit": "completed",
        "setting": "outpatient",
        "open_attentions": 0,
        "referrals": [{"state": "completed"}],
        "courses": [{"state": "continued"}],
        "events": [{}, {}],
        **more,
    }
    lists: dict[str, Any] = {path: [] for path in ELSEWHERE}
    return Papers({f"/journeys/{JOURNEY}": shown}, lists)


async def test_a_case_that_ended_as_it_must_is_confirmed_with_its_number_of_events() -> None:
    assert await endings.confirm(ended().case(), COMPLETED) == Standing("closed", "completed", "outpatient", 2)


async def test_another_exit_or_setting_than_it_must_be_is_told() -> None:
    with pytest.raises(WentWrong, match="must end as stage closed, exit completed, setting home, but ended as"):
        await endings.confirm(ended().case(), Ending(Exit.COMPLETED, Setting.HOME))


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"open_attentions": 1}, "attentions"),
        ({"courses": [{"state": "booked"}]}, "courses in booked"),
        ({"referrals": [{"state": "active"}]}, "referrals in active"),
    ],
)
async def test_what_referral_has_left_open_is_told(left: dict[str, Any], told: str) -> None:
    with pytest.raises(WentWrong, match=told):
        await endings.confirm(ended(**left).case(), COMPLETED)


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_what_another_service_has_left_open_is_told(path: str) -> None:
    papers = ended()
    papers.lists[path] = [{"state": "offered"}]
    with pytest.raises(WentWrong, match=f"{path[1:]} in offered"):
        await endings.confirm(papers.case(), COMPLETED)


async def test_a_journey_that_operations_never_heard_of_has_not_ended() -> None:
    with pytest.raises(WentWrong, match="the journey is closed"):
        await endings.confirm(ended(stage=None).case(), COMPLETED)


async def test_silence_is_a_month_without_another_event() -> None:
    papers = ended()
    case = papers.case()
    await endings.confirm_silence(case)
    assert case.now >= case.now.__class__.fromisoformat("2026-12-23T07:00:00+00:00")


async def test_a_word_after_the_end_breaks_the_silence() -> None:
    papers = ended()
    journey = papers.things.pop(f"/journeys/{JOURNEY}")
    said: Iterator[Any] = iter(([{}], [{}, {}]))
    papers.answers[f"/journeys/{JOURNEY}"] = lambda _: journey | {"events": next(said)}
    with pytest.raises(WentWrong, match="after its end"):
        await endings.confirm_silence(papers.case())


async def test_a_death_is_recorded_by_who_hears_of_it_first_and_the_phone_stays_silent() -> None:
    papers = Papers({"/referrals/r": offers("record-death")})
    await endings.die(papers.case())
    assert papers.actions() == [("referrer", "record-death")]
    assert papers.body("/record-death") == {"died_on": "2026-11-23"}


async def test_nothing_is_complete_without_a_report() -> None:
    papers = Papers({"/referrals/r": offers("complete")})
    await endings.complete(papers.case())
    assert papers.body("/complete")["report"]
