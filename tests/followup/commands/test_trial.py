"""A trial over a real database: planned, run, asked about, extended, concluded and judged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Verdict
from tests.support.followup import Place, Story, codes, problem

BOOK = Rulebook.load()
DAY = timedelta(days=1)
ANSWER = BOOK.operation("OPS-CHECK-IN-ANSWER").wait.longest
VERDICT = BOOK.operation("OPS-VERDICT").wait.longest


async def last(place: Place, story: Story, kind: type[events.Event]) -> Any:
    """The last event of this kind that was said in a journey."""
    return [event for event in await place.said(story.journey) if isinstance(event, kind)][-1]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def judged(place: Place, story: Story, verdict: str = "responder", **more: Any) -> Any:
    trial = await place.trial(story)
    return await place.clinician.done(f"/trials/{trial['id']}/judge", {"verdict": verdict, **more})


async def test_a_booked_trial_is_planned_and_stays_one_trial_when_it_is_booked_again(place: Place) -> None:
    story = await place.expected(modality="SCS")
    first = await place.database.now() + 3 * DAY
    await place.tell(story, story.booked(first))
    planned = await place.trial(story)
    assert (planned["state"], moment(planned["starts_at"]), planned["version"]) == ("planned", first, 1)

    await place.tell(story, story.about(events.CourseUnbooked, appointment=story.appointment))
    released = await place.trial(story)
    assert (released["state"], released["starts_at"], released["version"]) == ("planned", None, 2)

    await place.tell(story, story.booked(first + DAY), story.booked(first + DAY))
    again = await place.trial(story)
    assert (again["id"], moment(again["starts_at"]), again["version"]) == (planned["id"], first + DAY, 3)
    assert await place.told(story.journey) == ["TrialPlanned", "TrialPlanned"]


async def test_a_treatment_that_is_booked_is_no_trial(place: Place) -> None:
    story = await place.performed(modality="CPN", kind="treatment")
    assert (await place.clinician.read("/trials", journey=str(story.journey)))["items"] == []


async def test_it_runs_from_the_procedure_as_long_as_the_record_says(place: Place) -> None:
    story = await place.performed(modality="SCS")
    trial = await place.trial(story)
    assert trial["state"] == "running"
    assert moment(trial["ends_at"]) - moment(trial["started_at"]) == 10 * DAY
    started = await last(place, story, events.TrialStarted)
    assert started.ends_at == moment(trial["ends_at"])
    [audited] = await place.rows(
        "SELECT rules FROM backbone.audit WHERE resource = 'trial' AND action = 'start' AND resource_id = :id",
        id=trial["id"],
    )
    assert audited["rules"] == ["MODALITY-SCS@1"]


async def test_it_is_planned_and_started_at_once_when_nobody_said_that_it_was_booked(place: Place) -> None:
    story = await place.expected(modality="SCS")
    await place.tell(story, story.performed(await place.database.now()))
    assert (await place.told(story.journey))[-2:] == ["TrialPlanned", "TrialStarted"]


async def test_at_its_end_the_verdict_falls_due_with_what_the_answers_suggest(place: Place) -> None:
    story = await place.performed(modality="IT_TRIAL", baseline=10)
    await place.answer(story, 9, 9, 9, 9, 9, 9)
    assert (await place.trial(story))["state"] == "running"
    await place.answer(story, 8)
    trial = await place.trial(story)
    due = await last(place, story, events.TrialVerdictDue)
    assert (due.suggested, due.relief) == (Verdict.RESPONDER, 20.0)
    assert (trial["state"], trial["suggested"], trial["relief"]) == ("awaiting_verdict", "responder", 20.0)
    assert trial["suggestion"]["rules"] == ["RESPONSE-SMITH@1", "RESPONSE-GOAL@1"]
    assert moment(trial["verdict_by"]) - await place.database.now() <= VERDICT


async def test_its_verdict_waits_for_an_answer_that_has_time_and_no_longer(place: Place) -> None:
    story = await place.performed(modality="PNB")  # the second contact falls due just when the trial ends
    await place.answer(story, 3)
    trial = await place.trial(story)
    await place.pass_until(moment(trial["ends_at"]))
    assert (await place.trial(story))["state"] == "running"
    await place.pass_time(ANSWER)
    assert (await place.trial(story))["state"] == "awaiting_verdict"
    told = await place.told(story.journey)
    assert told.index("CheckInMissed") < told.index("TrialVerdictDue")


async def test_an_answer_that_was_waited_for_brings_the_verdict_at_once(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 7, 2)
    trial = await place.trial(story)
    assert (trial["state"], trial["suggestion"]["verdict"], trial["suggestion"]["average_pain"]) == (
        "awaiting_verdict",
        "responder",
        2,
    )
    assert (await place.told(story.journey))[-2:] == ["CheckInCompleted", "TrialVerdictDue"]


async def test_without_any_answer_nobody_knows_and_it_is_not_a_failure(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.pass_time(DAY)
    await place.pass_time(ANSWER)
    due = await last(place, story, events.TrialVerdictDue)
    assert (due.suggested, due.relief) == (Verdict.NO_DATA, None)


async def test_without_a_baseline_nobody_knows_either(place: Place) -> None:
    story = await place.performed(modality="PNB", baseline=None)
    await place.answer(story, 7, 2)
    trial = await place.trial(story)
    assert (trial["suggestion"]["verdict"], trial["suggestion"]["relief"]) == ("no_data", None)
    assert [one["code"] for one in trial["suggestion"]["advice"]] == ["baseline-unknown"]


async def test_an_answer_after_its_time_does_not_count(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3, 9)  # the last one is asked for a week later
    trial = await place.trial(story)
    assert (trial["suggestion"]["verdict"], trial["suggestion"]["average_pain"]) == ("responder", 3)


async def test_a_trial_of_which_no_record_says_the_length_comes_before_a_clinician_at_once(place: Place) -> None:
    story = await place.performed(modality="MAGIC")
    assert (await place.told(story.journey))[-2:] == ["TrialStarted", "TrialVerdictDue"]
    assert (await place.trial(story))["state"] == "awaiting_verdict"


async def test_a_clinician_judges_it_as_suggested(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3)
    trial = await judged(place, story)
    assert (trial["state"], trial["verdict"], trial["suggested"], trial["relief"]) == (
        "judged",
        "responder",
        "responder",
        62.5,
    )
    said = await last(place, story, events.TrialJudged)
    assert (said.verdict, said.suggested, said.relief) == (Verdict.RESPONDER, Verdict.RESPONDER, 62.5)


async def test_another_verdict_than_suggested_needs_a_reason_which_is_kept_and_not_said(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3)
    trial = await place.trial(story)
    refused = await place.clinician.post(f"/trials/{trial['id']}/judge", {"verdict": "partial"})
    found = problem(refused, 409, "action-refused")
    assert codes(found) == ["reason-needed"]
    assert found["errors"][0]["pointer"] == "/reason"
    assert (await place.trial(story))["version"] == trial["version"]

    shown = await judged(place, story, "partial", reason="Sleeps badly all the same.")
    assert [(one["action"], one["text"], one["role"]) for one in shown["remarks"]] == [
        ("judge", "Sleeps badly all the same.", "clinician")
    ]
    said = await last(place, story, events.TrialJudged)
    assert (said.verdict, said.suggested) == (Verdict.PARTIAL, Verdict.RESPONDER)
    query = "SELECT 1 FROM backbone.outbox WHERE convert_from(data, 'UTF8') LIKE '%Sleeps%'"
    assert await place.rows(query) == []


async def test_once_it_is_judged_nobody_asks_about_it_but_later_contacts_stay(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3)
    await place.pass_time(DAY)
    await place.pass_time(ANSWER)
    await judged(place, story)
    states = [one["state"] for one in await place.check_ins(story)]
    assert states == ["completed", "cancelled", "scheduled"]
    assert (await last(place, story, events.CheckInCancelled)).reason_code == "trial-judged"
    assert await place.open_deadlines(story) == 1


async def test_a_trial_that_is_concluded_early_is_judged_by_what_was_answered(place: Place) -> None:
    story = await place.performed(modality="SCS")
    await place.answer(story, 7, 4)
    trial = await place.trial(story)
    body = {"reason_code": "lead-moved", "note": "The lead slipped at night."}
    shown = await place.clinician.done(f"/trials/{trial['id']}/conclude", body)
    assert (shown["state"], shown["suggested"], shown["reason_code"]) == ("awaiting_verdict", "responder", "lead-moved")
    assert moment(shown["ends_at"]) < moment(trial["ends_at"])
    states = [one["state"] for one in await place.check_ins(story)]
    assert states == ["completed"] * 2 + ["cancelled"] * 8
    assert await place.open_deadlines(story) == 0


async def test_an_extension_runs_on_and_asks_on_in_the_same_step(place: Place) -> None:
    story = await place.performed(modality="SCS")
    trial = await place.trial(story)
    until = moment(trial["ends_at"]) + 2 * DAY
    body = {"until": until.isoformat(), "reason_code": "late-responder"}
    shown = await place.clinician.done(f"/trials/{trial['id']}/extend", body)
    assert (shown["state"], moment(shown["ends_at"])) == ("running", until)
    after = [(moment(one["due_at"]) - moment(trial["started_at"])) / DAY for one in await place.check_ins(story)]
    assert after == list(range(1, 13))
    said = await last(place, story, events.TrialExtended)
    assert (said.ends_at, said.reason_code) == (until, "late-responder")

    await place.answer(story, *[3] * 11)
    assert (await place.trial(story))["state"] == "running"
    await place.answer(story, 3)
    assert (await place.trial(story))["state"] == "awaiting_verdict"


async def test_a_trial_that_awaits_its_verdict_may_be_extended_and_ends_again(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3)
    trial = await place.trial(story)
    until = await place.database.now() + 2 * DAY
    body = {"until": until.isoformat(), "reason_code": "unclear"}
    shown = await place.clinician.done(f"/trials/{trial['id']}/extend", body)
    assert (shown["state"], shown["suggested"], shown["verdict_by"]) == ("running", None, None)
    await place.pass_until(until)
    assert (await place.trial(story))["state"] == "awaiting_verdict"
    assert (await place.told(story.journey)).count("TrialVerdictDue") == 2


async def test_a_refused_extension_tells_everything_and_changes_nothing(place: Place) -> None:
    story = await place.performed(modality="SCS")
    trial = await place.trial(story)
    before = await place.count()
    body = {"until": trial["started_at"], "reason_code": "x"}
    found = problem(await place.clinician.post(f"/trials/{trial['id']}/extend", body), 409, "action-refused")
    assert codes(found) == ["end-in-the-past", "not-longer"]
    assert await place.count() == before


async def test_a_verdict_that_is_late_is_shown_as_overdue(place: Place) -> None:
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3)
    assert (await place.clinician.read("/trials", overdue=True))["items"] == []
    await place.pass_time(VERDICT + DAY)
    [listed] = (await place.clinician.read("/trials", overdue=True))["items"]
    assert (listed["course"], listed["overdue"]) == (str(story.course), True)


async def test_a_trial_whose_course_is_given_up_is_abandoned(place: Place) -> None:
    story = await place.performed(modality="SCS")
    await place.tell(story, story.about(events.CourseAbandoned, reason_code="infection"))
    trial = await place.trial(story)
    assert (trial["state"], trial["reason_code"], trial["allowed_actions"]) == ("abandoned", "course-abandoned", [])
    assert await place.open_deadlines(story) == 0
