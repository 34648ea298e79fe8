"""The patient does not come, a coordinator looks, another time is found; later a call is missed, the next answered."""

from __future__ import annotations

from tests.support.journeys import Told, assert_in_order

STORY = "missed"


async def test_a_no_show_asks_for_a_hand_and_leads_to_another_appointment(told: Told) -> None:
    assert_in_order(
        await told.names(),
        *("AppointmentMissed", "AppointmentRequested", "AppointmentBooked", "AppointmentFulfilled", "CoursePerformed"),
    )
    attentions = (await told.referral())["attentions"]
    assert [one["state"] for one in attentions if one["kind"] == "appointment_missed"] in ([], ["cleared"])


async def test_the_missed_appointment_is_replaced(told: Told) -> None:
    procedures = [one for one in await told.appointments() if one["purpose"] == "procedure"]
    missed = next(one for one in procedures if one["state"] == "missed")
    assert [one["state"] for one in procedures if one["replaces"] == missed["id"]] == ["fulfilled"]


async def test_an_unheard_call_is_repeated_and_answered(told: Told) -> None:
    assert_in_order(await told.names(), "CheckInDue", "CheckInMissed", "CheckInCompleted")
    check_ins = await told.listed("followup", "/check-ins")
    assert [one["state"] for one in check_ins if one["attempts"]] == ["completed"]
    assert {one["state"] for one in check_ins} <= {"completed", "cancelled"}  # what a trial had left once it was judged
