"""The first trial does not help: the course is escalated, and another modality is tried and helps."""

from __future__ import annotations

from tests.support.journeys import Told, assert_in_order

STORY = "escalated"


async def test_a_trial_without_response_leads_to_a_trial_of_another_modality(told: Told) -> None:
    first, second = (await told.referral())["courses"]
    assert (first["kind"], first["verdict"], first["state"]) == ("trial", "non_responder", "escalated")
    assert (second["kind"], second["verdict"], second["state"]) == ("trial", "responder", "continued")
    assert second["modality"] != first["modality"]
    assert second["follows"] == first["id"]


async def test_each_trial_is_judged_by_a_clinician_and_the_decision_comes_after(told: Told) -> None:
    assert_in_order(
        await told.names(),
        *("TrialStarted", "TrialVerdictDue", "TrialJudged", "CourseJudged", "CourseEscalated"),
        *("CourseProposed", "TrialStarted", "TrialVerdictDue", "TrialJudged", "CourseJudged", "CourseContinued"),
    )
    judged = [event for event in await told.events() if event["type"].endswith("TrialJudged.v1")]
    assert [event["actor"] for event in judged] == ["clinician", "clinician"]
