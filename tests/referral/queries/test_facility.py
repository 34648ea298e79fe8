"""The directory as it is shown."""

from __future__ import annotations

from uuid import uuid4

from referral.queries.facility import all_facilities, named
from reliefpath.vocabulary import facility_id
from tests.support.referral import FACILITIES, RECEIVER, Place


async def test_every_facility_is_listed_by_code(place: Place) -> None:
    async with place.work() as uow:
        assert [one.code for one in await all_facilities(uow)] == sorted(FACILITIES)


async def test_a_facility_the_directory_does_not_know_is_named_by_its_id_alone(place: Place) -> None:
    unknown = uuid4()
    async with place.work() as uow:
        found = await named(uow, [facility_id(RECEIVER), unknown])
    assert (found[facility_id(RECEIVER)].code, found[unknown].code) == (RECEIVER, None)
