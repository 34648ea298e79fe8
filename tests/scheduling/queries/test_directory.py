"""The directory's entries as they are shown."""

from __future__ import annotations

import pytest

from backbone.problems import NotFound
from reliefpath.vocabulary import facility_id
from scheduling.queries.directory import list_resources, read_facility
from tests.support.scheduling import ALWAYS, CENTRE, RESOURCES, Place


async def test_a_facility_is_shown_with_everything_it_can_do(place: Place) -> None:
    async with place.work() as uow:
        shown = await read_facility(uow, facility_id(CENTRE))
    assert (shown.code, shown.timezone, shown.version) == (CENTRE, "Europe/Vienna", 1)
    assert "cordotomy" in shown.capabilities


async def test_resources_are_shown_by_code_with_their_hours_in_order(place: Place) -> None:
    async with place.work() as uow:
        shown, places = await list_resources(uow, facility_id(CENTRE), None, 50)
    assert [one.code for one in shown] == sorted(RESOURCES)
    assert [code for (code,) in places] == sorted(RESOURCES)
    assert [hour.weekday for hour in shown[0].hours] == [one["weekday"] for one in ALWAYS]


async def test_a_facility_that_is_not_listed_has_no_resources(place: Place) -> None:
    with pytest.raises(NotFound):
        async with place.work() as uow:
            await list_resources(uow, facility_id("nowhere"), None, 50)
