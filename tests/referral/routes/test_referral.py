"""Referrals over HTTP."""

from __future__ import annotations

from tests.support.referral import Place


async def test_a_referral_goes_from_draft_to_active(place: Place) -> None:
    shown = await place.active()
    assert shown["state"] == "active"
    assert await place.told(shown["journey"]) == [
        "ReferralRequested", "ReferralReceived", "ReferralAccepted", "AssessmentRecorded",
    ]
