"""Every story: it ends as it must, with nothing left open, and each of its events says what led to it."""

from __future__ import annotations

import pytest

from simulator.stories import STORIES
from tests.support.journeys import Stories, Told

STORY = "*"
NAMES = [story.name for story in STORIES]

every_story = pytest.mark.parametrize("told", NAMES, indirect=True)


@every_story
async def test_the_story_ends_as_it_must_and_nothing_is_left_open(told: Told) -> None:
    assert told.outcome.standing is not None
    assert (await told.shown())["open_attentions"] == 0


@every_story
async def test_every_event_names_a_request_a_deadline_or_another_event_that_led_to_it(told: Told) -> None:
    kinds = {event["cause"]["kind"] for event in await told.events()}
    assert "request" in kinds
    assert kinds <= {"request", "event", "deadline"}


@every_story
async def test_no_speaker_leaves_a_gap(told: Told) -> None:
    traced = await told.traced()
    assert traced["missing"] == []
    for speaker in {event["speaker"] for event in traced["events"]}:
        numbers = [event["seq"] for event in traced["events"] if event["speaker"] == speaker]
        assert numbers == list(range(1, len(numbers) + 1))


@every_story
async def test_referral_and_operations_tell_the_same_end(told: Told) -> None:
    shown, traced = await told.shown(), await told.traced()
    assert [shown[name] for name in ("stage", "exit", "setting")] == [
        traced[name] for name in ("stage", "exit", "setting")
    ]


def test_all_stories_together_pass_months_in_seconds(stories: Stories) -> None:
    assert stories.run is not None
    assert stories.run.days > 90
    assert stories.run.seconds < 600
