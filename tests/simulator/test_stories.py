"""The stories: every branch that must be played is there, each with a name, a title and an end of its own."""

from __future__ import annotations

import pytest

from reliefpath.vocabulary import Exit, Setting
from simulator.endings import Ending, Standing
from simulator.play import WentWrong
from simulator.stories import STORIES, Story, play_out
from tests.support.papers import Papers

WANTED = {
    "responds": Exit.COMPLETED,
    "escalated": Exit.COMPLETED,
    "implanted": Exit.COMPLETED,
    "declined-by-patient": Exit.COMPLETED,
    "declined-at-triage": Exit.DECLINED,
    "informed": Exit.COMPLETED,
    "redirected": Exit.COMPLETED,
    "rebooked": Exit.COMPLETED,
    "missed": Exit.COMPLETED,
    "dies-before-procedure": Exit.DECEASED,
    "dies-during-trial": Exit.DECEASED,
    "goes-home": Exit.COMPLETED,
    "home-team-silent": Exit.COMPLETED,
}


@pytest.mark.parametrize("name", WANTED)
def test_every_branch_is_told_and_ends_as_it_must(name: str) -> None:
    [story] = [one for one in STORIES if one.name == name]
    assert story.must.exit is WANTED[name]


def test_names_and_titles_are_told_apart() -> None:
    assert len({one.name for one in STORIES}) == len({one.title for one in STORIES}) == len(STORIES)


def test_a_patient_who_goes_home_is_at_home_at_the_end() -> None:
    at_home = {one.name for one in STORIES if one.must.setting is Setting.HOME}
    assert at_home == {"goes-home", "home-team-silent", "dies-during-trial"}


def test_a_patient_who_dies_before_the_procedure_dies_in_hospital() -> None:
    assert {one.name for one in STORIES if one.must.setting is Setting.HOSPITAL} == {"dies-before-procedure"}


def test_after_a_death_silence_is_asked_for() -> None:
    assert {one.name for one in STORIES if one.quiet} == {one.name for one in STORIES if one.must.exit is Exit.DECEASED}


async def test_a_story_is_told_before_its_end_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def tell(_: object) -> None:
        done.append("told")

    async def confirm(_: object, must: Ending) -> Standing:
        done.append(f"confirmed {must.exit}")
        return Standing("closed", "completed", "outpatient", 1)

    monkeypatch.setattr("simulator.endings.confirm", confirm)
    story = Story("n", "t", tell, Ending(Exit.COMPLETED), STORIES[0].pictures)
    await play_out(story, Papers().case())
    assert done == ["told", "confirmed completed"]


async def test_a_story_that_goes_wrong_is_not_confirmed() -> None:
    async def tell(_: object) -> None:
        raise WentWrong("it rained")

    with pytest.raises(WentWrong, match="it rained"):
        await play_out(Story("n", "t", tell, Ending(Exit.COMPLETED), ()), Papers().case())
