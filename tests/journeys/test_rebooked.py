"""The patient cancels an offered and accepted time; another is found, and the course goes on."""

from __future__ import annotations

from tests.support.journeys import Told, assert_in_order

STORY = "rebooked"


async def test_a_cancelled_procedure_is_replaced_by_another_appointment(told: Told) -> None:
    procedures = [one for one in await told.appointments() if one["purpose"] == "procedure"]
    cancelled = next(one for one in procedures if one["state"] == "cancelled")
    replacing = next(one for one in procedures if one["replaces"] == cancelled["id"])
    assert replacing["state"] == "fulfilled"
    assert replacing["course"] == cancelled["course"]


async def test_the_course_waits_for_another_time_and_keeps_its_trial(told: Told) -> None:
    names = await told.names()
    assert_in_order(
        names,
        *("AppointmentOffered", "AppointmentBooked", "CourseBooked"),
        *("AppointmentCancelled", "CourseUnbooked"),
        *("AppointmentBooked", "CourseBooked", "AppointmentFulfilled", "CoursePerformed", "TrialStarted"),
    )
    assert names.count("TrialStarted") == 1


async def test_the_patient_took_the_offer_and_cancelled_it_themselves(told: Told) -> None:
    events = await told.events()
    cancelled = [event for event in events if event["type"].endswith("AppointmentCancelled.v1")]
    assert [event["actor"] for event in cancelled] == ["patient"]
