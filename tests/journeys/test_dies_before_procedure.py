"""The patient dies with a procedure booked and a home team asked: everything closes, everywhere, and stays silent."""

from __future__ import annotations

from tests.support.journeys import Told

STORY = "dies-before-procedure"


async def test_what_was_open_is_closed_in_every_service(told: Told) -> None:
    [referral] = await told.referrals()
    [course] = await told.courses()
    assert (referral["state"], course["state"]) == ("cancelled", "abandoned")
    assert {one["state"] for one in await told.appointments()} == {"fulfilled", "cancelled"}
    assert {one["state"] for one in await told.listed("followup", "/trials")} <= {"abandoned"}
    assert {one["state"] for one in await told.listed("followup", "/handovers")} == {"ended"}


async def test_no_other_appointment_takes_the_place_of_the_cancelled_one(told: Told) -> None:
    [cancelled] = [one for one in await told.appointments() if one["state"] == "cancelled"]
    assert all(one["replaces"] != cancelled["id"] for one in await told.appointments())


async def test_nothing_but_closings_is_said_after_the_death(told: Told) -> None:
    names = await told.names()
    after = set(names[names.index("PatientDied") + 1 :])
    assert after <= {
        *("CourseAbandoned", "AppointmentCancelled", "TrialAbandoned", "HandoverEnded"),
        *("TrialPlanned", "CourseBooked", "CourseUnbooked"),  # already on their way when the death was recorded
    }


async def test_the_journey_says_that_the_patient_has_died(told: Told) -> None:
    shown = await told.shown()
    assert (shown["stage"], shown["exit"], shown["open_attentions"]) == ("closed", "deceased", 0)
    assert shown["setting"] == "hospital"
