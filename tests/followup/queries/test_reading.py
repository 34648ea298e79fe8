"""One row as somebody asked for it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from backbone.access import Principal
from backbone.problems import NotFound
from followup.queries.reading import read
from followup.tables import Observation
from reliefpath.vocabulary import Role, facility_id
from tests.support.followup import RECEIVER, STRANGER, Place


def at(code: str) -> Principal:
    return Principal("somebody", Role.CLINICIAN, frozenset({facility_id(code)}))


async def test_a_row_is_read_by_who_may_see_its_journey_and_that_is_written_down(place: Place) -> None:
    story = await place.expected()
    async with place.work(Role.CLINICIAN) as uow:
        assert (await read(uow, at(RECEIVER), Observation, story.course)).id == story.course
    [row] = await place.rows("SELECT resource_id, journeys FROM backbone.audit WHERE action = 'read'")
    assert (row["resource_id"], row["journeys"]) == (story.course, [story.journey])


async def test_what_may_not_be_seen_is_not_there_and_nothing_is_written_down(place: Place) -> None:
    story = await place.expected()
    async with place.work() as uow:
        for principal, asked in ((at(STRANGER), story.course), (at(RECEIVER), uuid4())):
            with pytest.raises(NotFound, match="observation"):
                await read(uow, principal, Observation, asked)
    assert await place.rows("SELECT 1 FROM backbone.audit WHERE action = 'read'") == []
