"""A check-in over a real database: asked for at its time, answered, missed, given up, done without."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role, Verdict
from tests.support.followup import HOME, RECEIVER, Place, Story, codes, problem

BOOK = Rulebook.load()
ANSWER = BOOK.operation("OPS-CHECK-IN-ANSWER").wait.longest
POLICY = BOOK.missed_contact()
HOUR = timedelta(hours=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def treatment(place: Place, **more: Any) -> Story:
    """A treatment with three contacts."""
    return await place.performed(modality="VAUG", kind="treatment", **more)


async def due(place: Place, story: Story) -> Any:
    """The first check-in, due by now."""
    [first, *_] = await place.check_ins(story)
    await place.pass_until(moment(first["due_at"]))
    return (await place.check_ins(story))[0]


async def test_it_is_asked_for_at_its_time_and_not_before(place: Place) -> None:
    story = await treatment(place)
    [first, *_] = await place.check_ins(story)
    await place.pass_time(moment(first["due_at"]) - await place.database.now() - timedelta(minutes=1))
    assert (await place.check_ins(story))[0]["state"] == "scheduled"
    assert "CheckInDue" not in await place.told(story.journey)
    await place.pass_time(timedelta(minutes=1))
    assert (await place.check_ins(story))[0]["state"] == "due"
    assert (await place.told(story.journey)).count("CheckInDue") == 1


async def test_an_answer_is_awaited_until_the_contact_s_own_time_is_over(place: Place) -> None:
    story = await treatment(place)  # between 24 and 72 hours
    first = await due(place, story)
    assert moment(first["answer_by"]) - moment(first["due_at"]) == 48 * HOUR


@pytest.mark.parametrize(
    ("role", "facility"),
    [(Role.PATIENT, None), (Role.COORDINATOR, RECEIVER), (Role.CLINICIAN, RECEIVER), (Role.HOME_NURSE, HOME)],
)
async def test_the_patient_or_whoever_cares_for_them_answers(place: Place, role: Role, facility: str | None) -> None:
    story = await treatment(place)
    if role is Role.HOME_NURSE:
        await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": HOME})
    first = await due(place, story)
    person = place.patient(story.journey) if facility is None else place.person(role, facility)
    body = {"average_pain": 3, "worst_pain": 6, "rescue_doses": 2, "note": "Slept well."}
    shown = await person.done(f"/check-ins/{first['id']}/complete", body)
    answered = {"state": "completed", "average_pain": 3, "worst_pain": 6, "rescue_doses": 2, "answered_by": role}
    assert shown | answered == shown
    said = (await place.said(story.journey))[-1]
    assert said == events.CheckInCompleted(
        check_in=first["id"], course=story.course, average_pain=3, worst_pain=6, rescue_doses=2
    )
    query = "SELECT 1 FROM backbone.deadlines WHERE subject = :id AND done_at IS NULL"
    assert await place.rows(query, id=first["id"]) == []


async def test_nobody_answers_before_they_were_asked(place: Place) -> None:
    story = await treatment(place)
    [first, *_] = await place.check_ins(story)
    answer = await place.patient(story.journey).post(f"/check-ins/{first['id']}/complete", {"average_pain": 3})
    assert codes(problem(answer, 409, "action-refused")) == ["wrong-state"]


async def test_it_is_tried_again_as_the_policy_says_and_then_a_person_looks(place: Place) -> None:
    story = await treatment(place)
    first = await due(place, story)
    await place.pass_until(moment(first["answer_by"]))
    seen = []
    for _ in range(POLICY.retries):
        shown = (await place.check_ins(story))[0]
        seen.append((shown["state"], shown["attempts"]))
        assert moment(shown["retry_at"]) - await place.database.now() <= POLICY.retry_after.longest
        await place.pass_time(POLICY.retry_after.longest)
    shown = (await place.check_ins(story))[0]
    assert seen == [("missed", 1), ("missed", 2)]
    assert (shown["state"], shown["attempts"], shown["retry_at"], shown["allowed_actions"]) == ("lost", 3, None, [])
    about = [event for event in await place.said(story.journey) if isinstance(event, events.AboutCheckIn)]
    told = [type(event).__name__ for event in about if str(event.check_in) == first["id"]]
    assert told == ["CheckInScheduled", "CheckInDue", "CheckInMissed", "CheckInMissed", "CheckInLost"]
    assert [event.attempts for event in about if isinstance(event, events.CheckInMissed)] == [1, 2]


async def test_a_missed_one_may_still_be_answered_and_is_then_not_tried_again(place: Place) -> None:
    story = await treatment(place)
    first = await due(place, story)
    await place.pass_until(moment(first["answer_by"]))
    shown = await place.patient(story.journey).done(f"/check-ins/{first['id']}/complete", {"average_pain": 3})
    assert (shown["state"], shown["attempts"], shown["retry_at"]) == ("completed", 1, None)
    await place.pass_time(3 * POLICY.retry_after.longest)
    assert (await place.told(story.journey)).count("CheckInMissed") == 1


async def test_an_answer_that_contradicts_itself_is_refused_and_nothing_is_kept(place: Place) -> None:
    story = await treatment(place)
    first = await due(place, story)
    before = await place.count()
    body = {"average_pain": 5, "worst_pain": 3}
    found = problem(
        await place.patient(story.journey).post(f"/check-ins/{first['id']}/complete", body), 409, "action-refused"
    )
    assert codes(found) == ["worst-below-average"]
    assert found["errors"][0]["pointer"] == "/worst_pain"
    assert await place.count() == before


async def test_one_that_is_not_wanted_is_done_without(place: Place) -> None:
    story = await treatment(place)
    [first, *_] = await place.check_ins(story)
    body = {"reason_code": "in-hospital", "note": "Asked on the ward."}
    shown = await place.coordinator.done(f"/check-ins/{first['id']}/cancel", body)
    assert (shown["state"], shown["reason_code"]) == ("cancelled", "in-hospital")
    await place.pass_until(moment(first["due_at"]))
    assert "CheckInDue" not in await place.told(story.journey)


async def test_after_the_last_answer_of_a_treatment_a_clinician_is_asked_what_it_did(place: Place) -> None:
    story = await treatment(place)
    await place.answer(story, 6, 4)
    assert "ReassessmentDue" not in await place.told(story.journey)
    await place.answer(story, 7)
    said = (await place.said(story.journey))[-1]
    assert said == events.ReassessmentDue(
        course=story.course, suggested=Verdict.RESPONDER, relief=50.0, completed=3, planned=3
    )
    shown = await place.clinician.read(f"/observations/{story.course}")
    assert shown["state"] == "reassessment_due"
    assert [one["code"] for one in shown["suggestion"]["advice"]] == ["effect-changed"]


async def test_a_reassessment_comes_also_when_nobody_ever_answered(place: Place) -> None:
    story = await treatment(place)
    for _ in range(100):
        await place.pass_time(2 * 24 * HOUR)
        if "ReassessmentDue" in await place.told(story.journey):
            break
    said = (await place.said(story.journey))[-1]
    assert said == events.ReassessmentDue(course=story.course, suggested=Verdict.NO_DATA, completed=0, planned=3)
    assert [one["state"] for one in await place.check_ins(story)] == ["lost"] * 3


async def test_a_reassessment_comes_also_when_the_last_one_is_done_without(place: Place) -> None:
    story = await treatment(place)
    await place.answer(story, 6)
    for one in (await place.check_ins(story))[1:]:
        await place.coordinator.done(f"/check-ins/{one['id']}/cancel", {"reason_code": "moved"})
    said = (await place.said(story.journey))[-1]
    assert said == events.ReassessmentDue(
        course=story.course, suggested=Verdict.NON_RESPONDER, relief=25.0, completed=1, planned=3
    )


async def test_what_a_professional_wrote_is_not_the_patient_s_to_read(place: Place) -> None:
    story = await treatment(place)
    first = await due(place, story)
    body = {"average_pain": 3, "note": "Seems low."}
    await place.clinician.done(f"/check-ins/{first['id']}/complete", body)
    assert (await place.patient(story.journey).read(f"/check-ins/{first['id']}"))["remarks"] == []
    [remark] = (await place.coordinator.read(f"/check-ins/{first['id']}"))["remarks"]
    assert remark["text"] == "Seems low."
