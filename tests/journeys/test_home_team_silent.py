"""The first home team does not answer: the offer times out, a coordinator is told, and the second team takes over."""

from __future__ import annotations

from simulator.directory import HOME_EAST, HOME_WEST
from tests.support.journeys import Told, assert_in_order

STORY = "home-team-silent"


async def test_the_second_offer_follows_the_unanswered_one(told: Told) -> None:
    first, second = sorted(await told.listed("followup", "/handovers"), key=lambda one: str(one["created_at"]))
    assert (first["state"], first["to_facility"]["code"]) == ("timed_out", HOME_EAST)
    assert (second["state"], second["to_facility"]["code"]) == ("ended", HOME_WEST)
    assert second["follows"] == first["id"]


async def test_the_time_out_comes_by_itself_and_asks_for_a_hand(told: Told) -> None:
    events = await told.events()
    [timed_out] = [event for event in events if event["type"].endswith("HandoverTimedOut.v1")]
    assert timed_out["actor"] == "system"
    assert timed_out["cause"]["kind"] == "deadline"
    assert_in_order(
        await told.names(),
        *("HandoverOffered", "HandoverTimedOut", "HandoverOffered", "HandoverAccepted", "HandoverActivated"),
        *("CareMoved", "ReferralCompleted"),
    )
