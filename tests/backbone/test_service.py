"""A service as its own code describes it: the records it decides by, its lifecycles as data."""

from __future__ import annotations

import importlib

import pytest

from backbone.service import Service, lifecycle_table
from backbone.settings import Settings
from reliefpath.vocabulary import Profile, Role
from stack.keys import Keys
from tests.support.visiting.lifecycle import VISIT
from tests.support.visiting.served import serving


@pytest.mark.parametrize("service", ["referral", "scheduling", "followup"])
@pytest.mark.parametrize("kind", ["app", "worker"])
def test_whoever_decides_by_records_refuses_unapproved_ones(service: str, kind: str) -> None:
    card: Service = importlib.import_module(f"{service}.{kind}").SERVICE
    assert card.prepare is not None
    with pytest.raises(LookupError, match="approved"):
        card.prepare(Settings(profile=Profile.PRODUCTION))
    card.prepare(Settings(profile=Profile.DEVELOPMENT))


async def test_the_transition_tables_are_shown_as_data(address: str, keys: Keys) -> None:
    async with serving(address, keys) as served:
        assert (await served.client.get("/lifecycles")).json() == [lifecycle_table(VISIT)]
    shown = lifecycle_table(VISIT)
    assert shown["terminal"] == ["done", "dropped"]
    assert {one["action"] for one in shown["transitions"]} == {one.action for one in VISIT.transitions}
    finish_row = next(one for one in shown["transitions"] if one["action"] == "finish")
    assert finish_row["guards"] == ["place_is_known", "chairs_are_left", "one_chair_is_little"]
    assert finish_row["by"] == sorted([Role.CLINICIAN, Role.COORDINATOR])
