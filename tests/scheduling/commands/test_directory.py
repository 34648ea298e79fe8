"""The directory's rows and what is said about them."""

from __future__ import annotations

from datetime import time
from uuid import UUID

import pytest

from backbone.access import Principal
from backbone.problems import Conflict, Forbidden, NotFound, Stale
from reliefpath import events
from reliefpath.vocabulary import FacilityKind, Role, facility_id
from scheduling.commands.directory import add_resource, change_facility, change_resource, list_facility
from scheduling.rules.facts import ResourceKind
from scheduling.schemas import FacilityChange, FacilityGiven, Hours, ResourceChange, ResourceGiven
from tests.support.scheduling import CENTRE, Place

OPERATOR = Principal("operator", Role.OPERATIONS, everywhere=True)
NEW = FacilityGiven(code="new-place", kind=FacilityKind.CLINIC, capabilities=("ultrasound", "monitoring"))
ROOM = ResourceGiven(code="room-9", kind=ResourceKind.ROOM, hours=(Hours(weekday=1, opens=time(8), closes=time(16)),))


async def test_a_listed_facility_is_said_on_its_own_stream(place: Place) -> None:
    async with place.work() as uow:
        row, fresh = await list_facility(uow, OPERATOR, NEW)
    assert fresh
    assert row.id == facility_id("new-place")
    assert await place.said(row.id) == [
        events.FacilityListed(
            facility=row.id,
            code="new-place",
            kind=FacilityKind.CLINIC,
            capabilities=("monitoring", "ultrasound"),
            accepting=True,
        )
    ]


async def test_the_same_facility_again_is_no_change_and_nothing_is_said(place: Place) -> None:
    again = NEW.model_copy(update={"capabilities": ("monitoring", "ultrasound")})
    async with place.work() as uow:
        await list_facility(uow, OPERATOR, NEW)
    async with place.work() as uow:
        row, fresh = await list_facility(uow, OPERATOR, again)
    assert (fresh, row.version) == (False, 1)
    assert len(await place.said(row.id)) == 1


async def test_another_facility_under_the_same_code_is_refused(place: Place) -> None:
    async with place.work() as uow:
        await list_facility(uow, OPERATOR, NEW)
    with pytest.raises(Conflict, match="new-place"):
        async with place.work() as uow:
            await list_facility(uow, OPERATOR, NEW.model_copy(update={"kind": FacilityKind.HOSPITAL}))


async def test_a_change_is_said_with_all_that_is_true_now(place: Place) -> None:
    change = FacilityChange(kind=FacilityKind.HOSPITAL, accepting=False)
    async with place.work() as uow:
        row = await change_facility(uow, OPERATOR, facility_id(CENTRE), change, 1)
    assert row.version == 2
    said = (await place.said(row.id))[-1]
    assert isinstance(said, events.FacilityListed)
    assert (said.accepting, said.capabilities) == (False, ())


async def test_a_change_that_changes_nothing_says_nothing(place: Place) -> None:
    same = FacilityChange(kind=FacilityKind.CLINIC, capabilities=NEW.capabilities)
    async with place.work() as uow:
        await list_facility(uow, OPERATOR, NEW)
    async with place.work() as uow:
        row = await change_facility(uow, OPERATOR, facility_id("new-place"), same, 1)
    assert row.version == 1
    assert len(await place.said(row.id)) == 1


async def test_a_change_decided_on_an_older_version_is_refused(place: Place) -> None:
    with pytest.raises(Stale):
        async with place.work() as uow:
            await change_facility(uow, OPERATOR, facility_id(CENTRE), FacilityChange(kind=FacilityKind.CLINIC), 7)


async def test_what_is_not_listed_cannot_be_changed(place: Place) -> None:
    with pytest.raises(NotFound):
        async with place.work() as uow:
            await change_facility(uow, OPERATOR, facility_id("nowhere"), FacilityChange(kind=FacilityKind.CLINIC), 1)
    with pytest.raises(NotFound):
        async with place.work() as uow:
            await add_resource(uow, OPERATOR, facility_id("nowhere"), ROOM)
    with pytest.raises(NotFound):
        async with place.work() as uow:
            await change_resource(uow, OPERATOR, facility_id("nowhere"), ROOM, None)


async def test_nobody_changes_another_facilitys_entry(place: Place) -> None:
    stranger = Principal("somebody", Role.SCHEDULER, frozenset({facility_id("elsewhere")}))
    with pytest.raises(Forbidden):
        async with place.work() as uow:
            await list_facility(uow, stranger, NEW)
    with pytest.raises(Forbidden):
        async with place.work() as uow:
            await change_resource(uow, stranger, UUID(place.resources["room-1"]), ROOM, None)


async def test_a_resource_is_added_once_and_told_apart_from_another_of_its_code(place: Place) -> None:
    async with place.work() as uow:
        row, fresh = await add_resource(uow, OPERATOR, facility_id(CENTRE), ROOM)
        assert fresh
    async with place.work() as uow:
        again, fresh = await add_resource(uow, OPERATOR, facility_id(CENTRE), ROOM)
        assert (again.id, fresh) == (row.id, False)
    with pytest.raises(Conflict):
        async with place.work() as uow:
            await add_resource(uow, OPERATOR, facility_id(CENTRE), ROOM.model_copy(update={"hours": ()}))


async def test_changed_hours_replace_the_old_ones(place: Place) -> None:
    mornings = Hours(weekday=2, opens=time(8), closes=time(12))
    change = ResourceChange(kind=ResourceKind.ROOM, hours=(mornings,), active=False)
    async with place.work() as uow:
        await change_resource(uow, OPERATOR, UUID(place.resources["room-1"]), change, 1)
    rows = await place.rows(
        "SELECT weekday FROM opening_hours WHERE resource = :id", id=UUID(place.resources["room-1"])
    )
    assert rows == [{"weekday": 2}]
