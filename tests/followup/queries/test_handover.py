"""Handovers as they are shown."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from backbone.access import Principal
from followup.lifecycle import HandoverState
from followup.queries.handover import handovers, show_handovers
from followup.tables import Handover
from reliefpath.vocabulary import Role, Side, facility_id
from tests.support.followup import HOME, RECEIVER, Place

WHO = Principal("somebody", Role.COORDINATOR, frozenset({facility_id(RECEIVER)}))


async def test_they_are_listed_by_state_and_shown_with_both_ends(place: Place) -> None:
    story = await place.expected()
    await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": HOME, "note": "Mornings."})
    async with place.work() as uow:
        asked: dict[str, Any] = {"journey": story.journey, "cursor": None, "limit": 5}
        assert await handovers(uow, WHO, states=[HandoverState.ACTIVE], **asked) == []
        [row] = await handovers(uow, WHO, states=[HandoverState.OFFERED], **asked)
        [shown] = await show_handovers(uow, WHO, [row], {row.id: frozenset({Side.SENDER})}, {row.id: []})
        assert (shown.from_facility.code, shown.to_facility.code, shown.your_sides) == (RECEIVER, HOME, [Side.SENDER])
        assert [one.text for one in shown.remarks] == ["Mornings."]
        assert (await uow.session.execute(select(Handover))).scalars().one() is row
