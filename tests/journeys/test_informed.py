"""Something essential is missing: the referrer is asked, answers, and the referral goes on where it was."""

from __future__ import annotations

from tests.support.journeys import Told, assert_in_order

STORY = "informed"


async def test_the_referral_goes_on_once_the_referrer_has_answered(told: Told) -> None:
    assert_in_order(
        await told.names(),
        *("ReferralReceived", "InformationRequested", "InformationSupplied", "ReferralAccepted", "ReferralCompleted"),
    )


async def test_what_was_supplied_is_a_fact_with_its_source_and_no_longer_missing(told: Told) -> None:
    referral = await told.referral()
    [function] = [fact for fact in referral["facts"] if fact["kind"] == "ecog"]
    assert function["source"] == "typed"
    assert "performance-status" not in {finding["code"] for finding in referral["missing"]}


async def test_who_asked_and_who_answered_is_written_down(told: Told) -> None:
    actors = {event["type"].split(".")[2]: event["actor"] for event in await told.events()}
    assert actors["InformationRequested"] == "coordinator"
    assert actors["InformationSupplied"] == "referrer"
