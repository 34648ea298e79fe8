"""Casting: the same patients and stories for the same seed, every story at least once, most of them the whole way."""

from __future__ import annotations

from collections import Counter

import pytest

from reliefpath.vocabulary import Exit
from simulator.casting import WEIGHTS, assign
from simulator.stories import STORIES


def test_the_same_seed_casts_the_same_patients_in_the_same_stories() -> None:
    assert assign(30, 4) == assign(30, 4)


def test_another_seed_casts_others() -> None:
    assert assign(30, 4) != assign(30, 5)


@pytest.mark.parametrize("seed", range(20))
def test_every_story_is_told_and_patients_are_numbered_from_one(seed: int) -> None:
    roles = assign(30, seed)
    assert {role.story.name for role in roles} == {story.name for story in STORIES}
    assert [role.patient.number for role in roles] == list(range(1, 31))


@pytest.mark.parametrize("seed", range(20))
def test_of_thirty_patients_at_least_twenty_five_go_the_whole_way(seed: int) -> None:
    short = {"declined-by-patient", "declined-at-triage"}
    whole = [one for one in assign(30, seed) if one.story.must.exit is Exit.COMPLETED and one.story.name not in short]
    assert len(whole) >= 25


def test_a_patient_has_a_picture_in_which_their_story_may_happen() -> None:
    assert all(role.patient.picture in role.story.pictures for role in assign(60, 1))


def test_with_fewer_patients_than_stories_the_first_stories_are_told() -> None:
    assert [role.story for role in assign(3, 1)] == list(STORIES[:3])


def test_only_known_stories_have_a_weight() -> None:
    assert set(WEIGHTS) <= {story.name for story in STORIES}
    assert Counter(WEIGHTS).total() > 0
