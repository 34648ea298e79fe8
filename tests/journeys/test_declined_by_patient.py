"""The patient decides against the procedure; nothing is booked, and the referrer gets the report."""

from __future__ import annotations

from tests.support.journeys import Told

STORY = "declined-by-patient"


async def test_a_declined_course_is_never_booked(told: Told) -> None:
    [course] = await told.courses()
    assert course["state"] == "declined_by_patient"
    assert [one["purpose"] for one in await told.appointments()] == ["assessment"]


async def test_the_referral_is_completed_all_the_same(told: Told) -> None:
    names = await told.names()
    assert names[-1] == "ReferralCompleted"
    assert "CourseDeclined" in names
