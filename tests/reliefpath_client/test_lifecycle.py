"""The lifecycles' client is one for every API, whichever is at its address."""

from __future__ import annotations

from reliefpath_client import Followup, Operations, Referral, Scheduling
from reliefpath_client.lifecycle import Lifecycle
from tests.support.clients import assert_has_what_each_contract_says


async def test_every_api_is_asked_of_its_lifecycles_as_its_contract_says() -> None:
    await assert_has_what_each_contract_says(Lifecycle, "referral", "scheduling", "followup", "operations")


def test_every_apis_client_is_one_of_its_lifecycles() -> None:
    assert all(issubclass(one, Lifecycle) for one in (Referral, Scheduling, Followup, Operations))
