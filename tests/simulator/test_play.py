"""The play: stories go on when they see what they wait for, in one order, under one clock, and fail one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from simulator.people import NotOffered
from simulator.play import Part, Play, Stage, WentWrong

Tale = Callable[[Stage], Awaitable[None]]

BEGIN = datetime(2026, 11, 23, 6, tzinfo=UTC)


@dataclass
class Still:
    total: int
    next_deadline: datetime | None


@dataclass
class PaperClock:
    """A clock on paper: something may be said in the world, and deadlines say something when their time has come."""

    now: datetime = BEGIN
    said: int = 0
    deadlines: dict[datetime, Callable[[], None]] = field(default_factory=dict)
    stops: list[datetime] = field(default_factory=list)

    async def settle(self) -> Still:
        for due in sorted(one for one in self.deadlines if one <= self.now):
            self.deadlines.pop(due)()
            self.said += 1
        return Still(self.said, min(self.deadlines, default=None))

    async def forward(self, to: datetime) -> None:
        self.now = max(self.now, to)
        self.stops.append(to)


async def perform(clock: PaperClock, *stories: Tale, hands: int = 1) -> Play:
    parts = [Part(f"story {number}", story) for number, story in enumerate(stories)]
    play = Play(clock, parts, hands=hands)
    await play.run()
    return play


async def never() -> bool | None:
    return None


async def test_a_story_goes_on_as_soon_as_it_sees_what_it_waits_for() -> None:
    clock, seen = PaperClock(), []

    async def story(stage: Stage) -> None:
        async def look() -> str | None:
            return "it" if clock.said else None

        seen.append(await stage.until("it is said", look, not_after=BEGIN + timedelta(days=9)))

    clock.deadlines[BEGIN + timedelta(days=2)] = lambda: None
    play = await perform(clock, story)
    assert seen == ["it"]
    assert play.parts[0].failure is None
    assert clock.now - BEGIN < timedelta(days=3)


async def test_a_story_that_never_sees_it_fails_with_what_it_waited_for_and_the_others_go_on() -> None:
    async def waits_in_vain(stage: Stage) -> None:
        await stage.until("the moon is blue", never, not_after=stage.now + timedelta(days=3))

    async def does_not(stage: Stage) -> None:
        pass

    play = await perform(PaperClock(), waits_in_vain, does_not)
    assert play.parts[0].failure == "It was not seen in time that the moon is blue."
    assert play.parts[1].failure is None


async def test_nobody_looks_again_while_nothing_new_was_said() -> None:
    clock, looks = PaperClock(), []

    async def story(stage: Stage) -> None:
        async def look() -> bool | None:
            looks.append(clock.now)
            return True if len(looks) == 2 else None

        await stage.until("it is there", look, not_after=BEGIN + timedelta(days=30))

    clock.deadlines[BEGIN + timedelta(days=20)] = lambda: None

    async def bystander(stage: Stage) -> None:
        for day in range(1, 10):
            await stage.until("a day", always, not_before=BEGIN + timedelta(days=day))

    await perform(clock, story, bystander)
    assert len(looks) == 2


async def always() -> bool | None:
    return True


async def test_nobody_looks_before_the_time_they_named() -> None:
    clock, seen = PaperClock(), []

    async def story(stage: Stage) -> None:
        await stage.until("it is Thursday", always, not_before=BEGIN + timedelta(days=3))
        seen.append(stage.now)

    await perform(clock, story)
    assert seen[0] >= BEGIN + timedelta(days=3)


async def test_with_one_pair_of_hands_stories_act_in_the_order_of_their_parts() -> None:
    told: list[str] = []

    def story(name: str) -> Tale:
        async def tell(stage: Stage) -> None:
            for step in range(3):
                told.append(f"{name}{step}")
                await stage.until("the next day", always, not_before=stage.now + timedelta(days=1))

        return tell

    await perform(PaperClock(), story("a"), story("b"))
    assert told == ["a0", "b0", "a1", "b1", "a2", "b2"]


async def test_the_clock_stops_only_at_working_hours_at_which_something_is_due() -> None:
    clock = PaperClock()

    async def story(stage: Stage) -> None:
        await stage.until("a week", always, not_before=BEGIN + timedelta(days=7, hours=5))

    clock.deadlines[BEGIN + timedelta(days=4)] = lambda: None
    await perform(clock, story)
    assert clock.stops == [datetime(2026, 11, 27, 7, tzinfo=UTC), datetime(2026, 11, 30, 15, tzinfo=UTC)]


@pytest.mark.parametrize("wrong", [WentWrong("it went wrong"), NotOffered("nobody offers this")])
async def test_what_goes_wrong_in_a_story_is_told_in_its_own_words(wrong: Exception) -> None:
    async def story(stage: Stage) -> None:
        raise wrong

    play = await perform(PaperClock(), story)
    assert play.parts[0].failure == str(wrong)


async def test_what_goes_wrong_while_looking_ends_the_story_that_looked() -> None:
    async def story(stage: Stage) -> None:
        async def look() -> bool | None:
            raise WentWrong("it cannot be read")

        await stage.until("anything", look)

    play = await perform(PaperClock(), story)
    assert play.parts[0].failure == "it cannot be read"


async def test_a_mistake_in_a_story_is_not_taken_for_an_ending() -> None:
    async def story(stage: Stage) -> None:
        raise KeyError("state")

    with pytest.raises(KeyError):
        await perform(PaperClock(), story)


async def test_the_days_of_a_story_are_counted_from_its_beginning_to_its_end() -> None:
    async def story(stage: Stage) -> None:
        await stage.until("a week", always, not_before=BEGIN + timedelta(days=7))

    play = await perform(PaperClock(), story)
    assert round(play.parts[0].days) == 7


async def test_no_more_stories_act_at_the_same_time_than_there_are_hands() -> None:
    acting, most = 0, 0

    async def story(stage: Stage) -> None:
        nonlocal acting, most
        for _ in range(3):
            acting += 1
            most = max(most, acting)
            await asyncio.sleep(0.001)
            acting -= 1
            await stage.until("the next day", always, not_before=stage.now + timedelta(days=1))

    await perform(PaperClock(), *([story] * 7), hands=3)
    assert most == 3


async def test_a_time_that_comes_while_others_act_is_not_passed_over() -> None:
    clock, looks = PaperClock(), []

    async def story(stage: Stage) -> None:
        await stage.until("the minute is over", always, not_before=stage.now + timedelta(minutes=1))
        looks.append(stage.now)

    async def slow(stage: Stage) -> None:
        async def look() -> bool | None:
            clock.now += timedelta(minutes=2)  # looking takes its time
            return True if looks else None

        await stage.until("the other has looked", look, not_after=BEGIN + timedelta(days=40))

    await perform(clock, story, slow)
    assert looks[0] < BEGIN + timedelta(hours=1)
