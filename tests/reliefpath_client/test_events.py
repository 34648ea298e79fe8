"""The feed's client is one for every API that has a feed, whichever is at its address."""

from __future__ import annotations

from reliefpath_client import Followup, Operations, Referral, Scheduling
from reliefpath_client.events import Events
from tests.support.clients import assert_has_what_each_contract_says


async def test_every_feed_is_asked_as_its_contract_says() -> None:
    await assert_has_what_each_contract_says(Events, "referral", "scheduling", "followup")


def test_the_client_of_every_api_with_a_feed_is_one_of_it_and_no_other() -> None:
    assert all(issubclass(one, Events) for one in (Referral, Scheduling, Followup))
    assert not issubclass(Operations, Events)
