"""The directory as follow-up keeps it."""

from __future__ import annotations

from followup.commands.facility import keep_facility
from followup.tables import Facility
from reliefpath import events
from reliefpath.vocabulary import FacilityKind, facility_id
from tests.support.followup import HOME, Place


async def test_the_latest_description_of_a_facility_is_the_whole_truth(place: Place) -> None:
    told = events.FacilityListed(
        facility=facility_id(HOME),
        code=HOME,
        kind=FacilityKind.HOME_CARE,
        capabilities=("wound_care",),
        accepting=False,
    )
    async with place.work() as uow:
        await keep_facility(uow, told)
        await keep_facility(uow, told)
    async with place.work() as uow:
        row = await uow.session.get_one(Facility, facility_id(HOME))
        assert (row.capabilities, row.accepting) == (["wound_care"], False)
