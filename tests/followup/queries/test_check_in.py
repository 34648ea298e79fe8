"""Check-ins as they are shown."""

from __future__ import annotations

from typing import Any

from backbone.access import Principal
from backbone.rows import new_id
from followup.commands.series import check_ins_of
from followup.lifecycle import CheckInState
from followup.queries.check_in import check_ins, of_course, show_check_ins
from reliefpath.vocabulary import Role, facility_id
from tests.support.followup import RECEIVER, STRANGER, Place


def at(code: str) -> Principal:
    return Principal("somebody", Role.COORDINATOR, frozenset({facility_id(code)}))


async def test_a_page_holds_one_more_than_asked_for_so_that_the_next_is_known(place: Place) -> None:
    await place.performed(modality="SCS")
    async with place.work() as uow:
        for code, found in ((RECEIVER, 4), (STRANGER, 0)):
            rows = await check_ins(uow, at(code), journey=None, course=None, states=(), cursor=None, limit=3)
            assert len(rows) == found


async def test_they_are_narrowed_by_what_was_asked(place: Place) -> None:
    story = await place.performed(modality="SCS")
    async with place.work() as uow:
        asked: dict[str, Any] = {"course": story.course, "journey": story.journey, "states": [CheckInState.SCHEDULED]}
        assert len(await check_ins(uow, at(RECEIVER), cursor=None, limit=50, **asked)) == 10
        for name, other in (("course", new_id()), ("journey", new_id()), ("states", [CheckInState.LOST])):
            assert await check_ins(uow, at(RECEIVER), cursor=None, limit=50, **{**asked, name: other}) == []


async def test_a_row_is_shown_without_what_it_does_not_hold(place: Place) -> None:
    story = await place.performed(modality="SCS")
    async with place.work() as uow:
        rows = await check_ins_of(uow, [story.course])
        [shown, *_] = await show_check_ins(uow, at(RECEIVER), rows, {row.id: [] for row in rows})
        assert (shown.average_pain, shown.remarks, shown.channel) == (None, [], "diary")
        assert [one.due_at for one in of_course(rows)] == [row.due_at for row in rows]
