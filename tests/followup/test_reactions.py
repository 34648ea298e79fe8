"""What follow-up does when others speak: in any order, once or twice; and when a deadline has come."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from backbone.deadlines import Deadline
from followup import HEARS, SAYS
from followup.lifecycle import LIFECYCLES
from followup.reactions import CLOSED_BECAUSE, DEADLINES, REACTIONS
from reliefpath import events
from reliefpath.envelope import Actor, Attributes, Heard
from reliefpath.events import CATALOGUE, Event, Speaker
from reliefpath.vocabulary import CourseKind, Role, Verdict
from tests.support.followup import Place, Story

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def react(place: Place, story: Story, *told: Event) -> None:
    """Have each event its reaction, whatever the order of its stream."""
    async with place.work() as uow:
        await uow.lock(story.journey)
        for event in told:
            attributes = Attributes(
                uuid4(), event.type, event.speaker, story.journey, 1, NOON, "request:test", Actor(Role.SYSTEM, "other")
            )
            await REACTIONS[type(event)](uow, Heard(attributes, event))


async def standing(place: Place, story: Story) -> Any:
    """Where everything of a course stands, without ids and times of writing."""
    trial = await place.trial(story)
    observation = await place.clinician.read(f"/observations/{story.course}")
    return (
        [trial[name] for name in ("state", "started_at", "ends_at", "baseline_pain", "your_sides")],
        [observation[name] for name in ("state", "performed_at", "planned", "facility", "personal_pain_goal")],
        [(one["state"], one["due_at"]) for one in observation["check_ins"]],
    )


async def test_the_order_in_which_a_course_is_told_of_makes_no_difference(place: Place) -> None:
    now = await place.database.now()
    seen = []
    for order in itertools.permutations(range(4)):
        story = Story(modality="SCS", baseline=7, goal=3)
        told = [story.sent(), story.requested(), story.booked(now), story.performed(now)]
        await react(place, story, *(told[number] for number in order))
        seen.append(await standing(place, story))
    assert all(one == seen[0] for one in seen)
    assert seen[0][0][:2] == ["running", now.isoformat().replace("+00:00", "Z")]


async def test_what_is_told_twice_has_its_effect_once(place: Place) -> None:
    story, now = Story(modality="SCS"), await place.database.now()
    told: list[Event] = [story.sent(), story.requested(), story.booked(now), story.performed(now)]
    await react(place, story, *told)
    before, said = await standing(place, story), await place.told(story.journey)
    await react(place, story, *told)
    await react(place, story, *reversed(told))
    assert await standing(place, story) == before
    assert await place.told(story.journey) == said


async def test_every_end_told_twice_has_its_effect_once(place: Place) -> None:
    story = await place.performed(modality="SCS")
    gone = story.about(events.CourseAbandoned, reason_code="x")
    died = events.PatientDied(referral=story.referral)
    await react(place, story, died, gone)
    told = await place.told(story.journey)
    await react(place, story, gone, died, gone, died)
    assert await place.told(story.journey) == told


async def test_an_event_delivered_twice_is_dropped_by_its_place(place: Place) -> None:
    story = Story()
    assert await place.hear(story.sent(), story.journey, seq=1) == {"effect": 1}
    assert await place.hear(story.sent(), story.journey, seq=1) == {"duplicate": 1}


async def test_what_is_said_of_a_course_never_heard_of_harms_nothing(place: Place) -> None:
    story = Story()
    await react(
        place,
        story,
        story.about(events.CourseUnbooked, appointment=story.appointment),
        story.about(events.CourseJudged, verdict=Verdict.RESPONDER),
        story.about(events.CourseAbandoned, reason_code="x"),
        *(kind(referral=story.referral) for kind in (events.PatientDied, events.ReferralCompleted)),
    )
    assert await place.told(story.journey) == []


async def test_a_booking_that_is_told_after_the_procedure_changes_nothing(place: Place) -> None:
    story = await place.performed(modality="SCS")
    before = await standing(place, story)
    await react(place, story, story.booked(NOON + timedelta(days=90)))
    await react(place, story, story.about(events.CourseUnbooked, appointment=story.appointment))
    assert await standing(place, story) == before


@pytest.mark.parametrize("kind", sorted(DEADLINES))
async def test_a_deadline_about_something_that_is_not_there_passes(place: Place, kind: str) -> None:
    async with place.work() as uow:
        await DEADLINES[kind](uow, Deadline(uuid4(), kind, uuid4(), uuid4(), uow.now, 0, "request:test"))


async def test_a_deadline_that_comes_too_late_changes_nothing(place: Place) -> None:
    story = await place.performed(modality="VAUG", kind=CourseKind.TREATMENT)
    await place.answer(story, 3)
    [first, *_] = await place.check_ins(story)
    told = await place.told(story.journey)
    async with place.work() as uow:
        await uow.lock(story.journey)
        for kind in DEADLINES:
            await DEADLINES[kind](uow, Deadline(uuid4(), kind, story.journey, first["id"], uow.now, 0, "request:test"))
    assert await place.told(story.journey) == told


def test_it_reacts_only_to_whom_it_hears() -> None:
    assert {event.speaker for event in REACTIONS} == set(HEARS)
    assert all(CATALOGUE[event.type] is event for event in REACTIONS)


def test_it_says_only_what_is_its_own_and_says_all_of_that() -> None:
    said = {event for lifecycle in LIFECYCLES for one in lifecycle.transitions for event in one.emits}
    assert SAYS == (Speaker.FOLLOWUP,)
    assert said == {event for event in CATALOGUE.values() if event.speaker is Speaker.FOLLOWUP}


def test_every_end_of_a_referral_is_an_end_here() -> None:
    assert {event.__name__ for event in CLOSED_BECAUSE} == {
        "PatientDied",
        "ReferralCompleted",
        "ReferralDeclined",
        "ReferralWithdrawn",
        "ReferralCancelled",
        "ReferralExpired",
        "ReferralEnteredInError",
    }
