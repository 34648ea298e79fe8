"""An intrathecal trial helps; the pump is authorised by itself, implanted and reassessed."""

from __future__ import annotations

from tests.support.journeys import Told, assert_in_order

STORY = "implanted"


async def test_trial_and_implant_are_authorised_separately(told: Told) -> None:
    trial, implant = (await told.referral())["courses"]
    assert (trial["kind"], implant["kind"]) == ("trial", "treatment")
    assert trial["authorisation"]["reference"] != implant["authorisation"]["reference"]
    assert implant["authorisation"]["submitted_at"] > trial["authorisation"]["decided_at"]


async def test_the_implant_follows_a_judged_trial_and_is_reassessed(told: Told) -> None:
    assert_in_order(
        await told.names(),
        *("CourseAuthorised", "TrialStarted", "TrialJudged", "CourseJudged", "CourseContinued"),
        *("CourseProposed", "AuthorisationSubmitted", "CourseAuthorised", "CoursePerformed"),
        *("ReassessmentDue", "CourseReviewDue", "CourseJudged", "CourseContinued", "ReferralCompleted"),
    )


async def test_the_suggestion_names_the_records_it_rests_on(told: Told) -> None:
    due = [event for event in await told.events() if event["type"].endswith("TrialVerdictDue.v1")]
    assert due
    assert all(event["rules"] for event in due)
