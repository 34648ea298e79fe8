"""After the treatment a home team takes the patient over, answers the check-ins, and the journey's setting is home."""

from __future__ import annotations

from reliefpath.vocabulary import FacilityKind, facility_id
from reliefpath_client import every
from simulator.directory import FACILITIES, PAIN_CENTRE
from tests.support.journeys import Told, assert_in_order

STORY = "goes-home"


async def test_the_home_team_accepts_takes_over_and_the_care_moves_home(told: Told) -> None:
    assert_in_order(
        await told.names(),
        *("CoursePerformed", "HandoverOffered", "HandoverAccepted", "HandoverActivated", "CareMoved"),
        *("CheckInCompleted", "ReassessmentDue", "HandoverEnded", "ReferralCompleted"),
    )
    assert (await told.shown())["setting"] == "home"


async def test_the_patient_comes_home_from_a_hospital(told: Told) -> None:
    referral = await told.referral()
    assert (referral["setting"], referral["to_facility"]["id"]) == ("hospital", str(facility_id(PAIN_CENTRE)))
    [centre] = [one for one in FACILITIES if one.code == PAIN_CENTRE]
    assert centre.kind is FacilityKind.HOSPITAL


async def test_the_home_nurse_answers_for_the_patient(told: Told) -> None:
    check_ins = await told.listed("followup", "/check-ins")
    assert {one["answered_by"] for one in check_ins} >= {"home_nurse"}
    assert {one["state"] for one in check_ins} == {"completed"}


async def test_the_home_team_sees_the_journey_only_since_it_was_asked(told: Told) -> None:
    nurses = told.cast.nurses
    team = told.outcome.case.home_team
    for code, nurse in nurses.items():
        seen = [one async for one in every(nurse.apis.followup.handovers, journey=told.journey)]
        assert bool(seen) is (code == team)
