"""Which patient plays which story: every story once, then the commoner ones more often; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simulator.patients import Patient, generate
from simulator.stories import STORIES, Story

WEIGHTS: Final[Mapping[str, int]] = {"responds": 5, "block": 5, "implanted": 3, "escalated": 2, "goes-home": 2}
"""How often the stories that go the whole way are told beyond the first time, in proportion to each other."""


@dataclass(frozen=True)
class Role:
    """A patient and the story they play."""

    patient: Patient
    story: Story


def assign(patients: int, seed: int, stories: Sequence[Story] = STORIES) -> list[Role]:
    """A story for each of so many patients, numbered from 1; each story at least once if there are enough of them."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets; it must repeat
    weights = [WEIGHTS.get(story.name, 0) for story in stories]
    more = max(0, patients - len(stories))
    told = [*stories, *chance.choices(stories, weights if any(weights) else None, k=more)][:patients]
    return [_role(seed, number, story, chance) for number, story in enumerate(told, start=1)]


def _role(seed: int, number: int, story: Story, chance: random.Random) -> Role:
    picture = chance.choice(story.pictures)
    return Role(generate(seed, number, picture, anticoagulated=story.anticoagulated), story)
