"""Facilities by name."""

from __future__ import annotations

from uuid import uuid4

from followup.queries.facility import named
from reliefpath.vocabulary import facility_id
from tests.support.followup import HOME, Place


async def test_a_facility_has_its_code_if_the_directory_lists_it(place: Place) -> None:
    unknown = uuid4()
    async with place.work() as uow:
        found = await named(uow, [facility_id(HOME), unknown, unknown])
    assert {key: one.code for key, one in found.items()} == {facility_id(HOME): HOME, unknown: None}
