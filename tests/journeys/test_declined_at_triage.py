"""The pain service declines, and tells the referrer what to do instead."""

from __future__ import annotations

from simulator.people import Thing
from tests.support.journeys import Told

STORY = "declined-at-triage"


async def test_the_referrer_reads_the_advice(told: Told) -> None:
    seen = await told.cast.referrer.read(Thing("referral", "referral", told.outcome.case.referral))
    assert seen["state"] == "declined"
    assert [note["kind"] for note in seen["notes"]] == ["advice"]


async def test_nobody_looks_for_an_appointment(told: Told) -> None:
    assert await told.appointments() == []
    assert await told.names() == ["ReferralRequested", "ReferralReceived", "ReferralDeclined"]
