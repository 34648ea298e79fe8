"""The observation of a course over a real database: expected, started with its check-ins, reassessed, ended."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reliefpath import events
from reliefpath.vocabulary import CourseKind, Verdict, facility_id
from tests.support.followup import RECEIVER, Place


async def test_a_wanted_course_is_expected_with_what_it_starts_from(place: Place) -> None:
    story = await place.expected(modality="SCS", baseline=7, goal=3)
    shown = await place.clinician.read(f"/observations/{story.course}")
    assert (shown["state"], shown["kind"], shown["modality"]) == ("expected", "trial", "SCS")
    assert (shown["baseline_pain"], shown["personal_pain_goal"]) == (7, 3)
    assert shown["facility"] == {"id": str(facility_id(RECEIVER)), "code": RECEIVER}
    assert await place.told(story.journey) == []


@pytest.mark.parametrize(
    ("modality", "kind", "days"),
    [
        ("SCS", "trial", list(range(1, 11))),
        ("CPN", "treatment", [1, 7, 14, 28, 56, 90]),
        ("CORD", "treatment", [1, 7, 28]),
    ],
)
async def test_its_check_ins_are_those_of_the_schedule(place: Place, modality: str, kind: str, days: list[int]) -> None:
    story = await place.performed(modality=modality, kind=CourseKind(kind))
    shown = await place.clinician.read(f"/observations/{story.course}")
    performed_at = datetime.fromisoformat(shown["performed_at"])
    due = [datetime.fromisoformat(one["due_at"]) for one in shown["check_ins"]]
    assert [(one - performed_at) / timedelta(days=1) for one in due] == days
    assert (shown["state"], shown["planned"]) == ("watching", len(days))
    said = await place.said(story.journey)
    assert events.ObservationStarted(course=story.course, kind=CourseKind(kind), check_ins=len(days)) in said
    assert [event.due_at for event in said if isinstance(event, events.CheckInScheduled)] == due
    assert await place.open_deadlines(story) == len(days) + (kind == "trial")


async def test_what_is_known_only_once_it_was_performed_is_taken_then(place: Place) -> None:
    story = await place.expected(modality="VAUG", kind=CourseKind.TREATMENT, baseline=None)
    story.baseline, story.goal = 6, 2
    await place.tell(story, story.performed(await place.database.now()))
    shown = await place.clinician.read(f"/observations/{story.course}")
    assert (shown["baseline_pain"], shown["personal_pain_goal"]) == (6, 2)


async def test_a_treatment_that_nobody_watches_comes_before_a_clinician_at_once(place: Place) -> None:
    story = await place.performed(modality="IT_TRIAL", kind=CourseKind.TREATMENT)
    assert await place.said(story.journey) == [
        events.ObservationStarted(course=story.course, kind=CourseKind.TREATMENT, check_ins=0),
        events.ReassessmentDue(course=story.course, suggested=Verdict.NO_DATA, completed=0, planned=0),
    ]


async def test_a_treatment_that_was_judged_is_watched_no_longer(place: Place) -> None:
    story = await place.performed(modality="VAUG", kind=CourseKind.TREATMENT)
    await place.answer(story, 3, 3, 3)
    await place.tell(story, story.about(events.CourseJudged, verdict=Verdict.RESPONDER))
    assert (await place.clinician.read(f"/observations/{story.course}"))["state"] == "ended"


async def test_a_trial_that_was_judged_is_watched_until_it_is_decided_what_follows(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3)
    trial = await place.trial(story)
    await place.clinician.done(f"/trials/{trial['id']}/judge", {"verdict": "responder"})
    await place.tell(story, story.about(events.CourseJudged, verdict=Verdict.RESPONDER))
    assert (await place.clinician.read(f"/observations/{story.course}"))["state"] == "watching"
    assert [one["state"] for one in await place.check_ins(story)] == ["completed", "completed", "scheduled"]

    await place.tell(story, story.about(events.CourseContinued))
    assert (await place.clinician.read(f"/observations/{story.course}"))["state"] == "ended"
    assert [one["state"] for one in await place.check_ins(story)] == ["completed", "completed", "cancelled"]
    assert (await place.trial(story))["state"] == "judged"
    assert await place.open_deadlines(story) == 0


@pytest.mark.parametrize(
    "over", [events.CourseStopped, events.CourseEscalated, events.CourseRepeated, events.CourseContinued]
)
async def test_when_it_is_decided_what_follows_nobody_asks_any_more(
    place: Place, over: type[events.AboutCourse]
) -> None:
    story = await place.performed(modality="CPN", kind=CourseKind.TREATMENT)
    await place.tell(story, story.about(over))
    assert {one["state"] for one in await place.check_ins(story)} == {"cancelled"}
    assert "ReassessmentDue" not in await place.told(story.journey)
    assert await place.open_deadlines(story) == 0
