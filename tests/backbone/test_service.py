"""A service as its own code describes it: the records it decides by, its lifecycles as data."""

from __future__ import annotations

from typing import Final

import pytest

from backbone.service import SERVICES, card_of, lifecycle_table
from backbone.settings import Settings
from operations.cli import api as command
from reliefpath.lifecycle import Lifecycle
from reliefpath.vocabulary import Profile, Role
from simulator import network
from stack import ports
from stack.keys import Keys
from tests.support.visiting.lifecycle import VISIT
from tests.support.visiting.served import serving

LIFECYCLES: Final = [lifecycle for service in SERVICES for lifecycle in card_of(service).lifecycles]


def test_those_who_may_not_import_the_list_of_services_have_the_same() -> None:
    assert SERVICES == ports.SERVICES == network.SERVICES == command.SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_card_of_its_name(service: str) -> None:
    assert card_of(service).name == service


@pytest.mark.parametrize("service", ["referral", "scheduling", "followup"])
def test_whoever_decides_by_records_refuses_unapproved_ones(service: str) -> None:
    card = card_of(service)
    assert card.prepare is not None
    with pytest.raises(LookupError, match="approved"):
        card.prepare(Settings(profile=Profile.PRODUCTION))
    card.prepare(Settings(profile=Profile.DEVELOPMENT))


@pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda one: one.name)
def test_a_table_as_data_has_the_same_rows(lifecycle: Lifecycle) -> None:
    shown = lifecycle_table(lifecycle)
    assert [one["action"] for one in shown["transitions"]] == [one.action for one in lifecycle.transitions]
    assert set(shown["terminal"]) <= set(shown["states"])


async def test_the_transition_tables_are_shown_as_data(address: str, keys: Keys) -> None:
    async with serving(address, keys) as served:
        assert (await served.client.get("/lifecycles")).json() == [lifecycle_table(VISIT)]
    shown = lifecycle_table(VISIT)
    assert shown["terminal"] == ["done", "dropped"]
    assert {one["action"] for one in shown["transitions"]} == {one.action for one in VISIT.transitions}
    finish_row = next(one for one in shown["transitions"] if one["action"] == "finish")
    assert finish_row["guards"] == ["place_is_known", "chairs_are_left", "one_chair_is_little"]
    assert finish_row["by"] == sorted([Role.CLINICIAN, Role.COORDINATOR])
