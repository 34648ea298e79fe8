"""Facilities as the directory describes them."""

from __future__ import annotations

import pytest

from backbone.problems import Invalid
from referral.commands.facility import facility_of, keep_facility
from reliefpath import events
from reliefpath.vocabulary import FacilityKind, facility_id
from tests.support.referral import RECEIVER, Place


async def test_the_latest_description_replaces_the_one_before(place: Place) -> None:
    for accepting in (False, True, False):
        listed = events.FacilityListed(
            facility=facility_id("new"), code="new", kind=FacilityKind.CLINIC, accepting=accepting
        )
        async with place.work() as uow:
            await keep_facility(uow, listed)
    async with place.work() as uow:
        assert not (await facility_of(uow, "new")).accepting
        assert (await facility_of(uow, RECEIVER)).accepting


async def test_an_unknown_code_is_pointed_at_where_it_was_given(place: Place) -> None:
    async with place.work() as uow:
        with pytest.raises(Invalid) as refused:
            await facility_of(uow, "nowhere", "/sender")
    assert [(one.code, one.pointer) for one in refused.value.reasons] == [("facility-unknown", "/sender")]
