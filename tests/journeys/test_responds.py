"""The first treatment helps: assessment, one course, its check-ins, reassessment, the closing report."""

from __future__ import annotations

from tests.support.journeys import Told, assert_in_order

STORY = "responds"


async def test_the_treatment_is_followed_to_its_reassessment_and_the_referrer_gets_the_report(told: Told) -> None:
    names = await told.names()
    assert_in_order(
        names,
        *("ReferralRequested", "ReferralReceived", "ReferralAccepted"),
        *("AppointmentRequested", "AppointmentBooked", "AppointmentFulfilled", "AssessmentRecorded", "ConferenceHeld"),
        *("CourseProposed", "CourseAgreed", "AuthorisationSubmitted", "CourseAuthorised", "CourseRequested"),
        *("AppointmentRequested", "AppointmentBooked", "CourseBooked", "AppointmentFulfilled", "CoursePerformed"),
        *("ObservationStarted", "CourseObserving", "CheckInDue", "CheckInCompleted"),
        *("ReassessmentDue", "CourseReviewDue", "CourseJudged", "CourseContinued", "ReferralCompleted"),
    )


async def test_the_report_is_kept_with_the_referral_and_travels_in_no_event(told: Told) -> None:
    referral = await told.referral()
    [report] = [note for note in referral["notes"] if note["kind"] == "closing_report"]
    assert report["text"]
    assert report["role"] == "clinician"


async def test_every_check_in_was_answered_by_the_patient(told: Told) -> None:
    check_ins = await told.listed("followup", "/check-ins")
    assert check_ins
    assert {(one["state"], one["answered_by"]) for one in check_ins} == {("completed", "patient")}


async def test_the_verdict_rests_on_the_answers(told: Told) -> None:
    [course] = (await told.referral())["courses"]
    assert course["suggested"] == course["verdict"] == "responder"
    assert course["relief"] > 0
