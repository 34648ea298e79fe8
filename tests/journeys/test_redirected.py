"""The clinic cannot do what is needed: the referral goes on at a larger centre, in the same journey and clock."""

from __future__ import annotations

from simulator.directory import PAIN_CENTRE, PAIN_CLINIC
from tests.support.journeys import Told

STORY = "redirected"


async def test_the_child_goes_on_in_the_same_journey_under_the_first_clock(told: Told) -> None:
    parent, child = await told.referrals()
    assert (parent["state"], child["state"]) == ("redirected", "completed")
    assert child["parent"] == parent["id"]
    assert child["clock_started_at"] == parent["clock_started_at"]
    assert (parent["to_facility"]["code"], child["to_facility"]["code"]) == (PAIN_CLINIC, PAIN_CENTRE)


async def test_everything_takes_place_at_the_larger_centre(told: Told) -> None:
    facilities = {one["facility"] for one in await told.appointments()}
    _, child = await told.referrals()
    assert facilities == {child["to_facility"]["id"]}
