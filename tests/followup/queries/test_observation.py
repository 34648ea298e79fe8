"""Observations as they are shown."""

from __future__ import annotations

from backbone.access import Principal
from followup.lifecycle import ObservationState
from followup.queries.observation import observations, show_observation, show_suggestion
from followup.rules.response import Suggestion
from followup.tables import Observation
from reliefpath.vocabulary import Role, Verdict, facility_id
from tests.support.followup import RECEIVER, Place

WHO = Principal("somebody", Role.COORDINATOR, frozenset({facility_id(RECEIVER)}))


async def test_they_are_listed_by_state(place: Place) -> None:
    await place.expected()
    async with place.work() as uow:
        for state, found in ((ObservationState.EXPECTED, 1), (ObservationState.ENDED, 0)):
            listed = await observations(uow, WHO, journey=None, states=[state], cursor=None, limit=5)
            assert len(listed) == found


async def test_one_is_shown_with_the_facility_that_performs_it(place: Place) -> None:
    story = await place.expected()
    async with place.work() as uow:
        row = await uow.session.get_one(Observation, story.course)
        shown = await show_observation(uow, row, [], Suggestion(Verdict.NO_DATA))
        assert shown.facility is not None
        assert (shown.facility.code, shown.check_ins) == (RECEIVER, [])
        row.facility = None
        assert (await show_observation(uow, row, [], Suggestion(Verdict.NO_DATA))).facility is None


def test_a_suggestion_without_an_answer_shows_none() -> None:
    shown = show_suggestion(Suggestion(Verdict.NO_DATA, rules=("RESPONSE-DEFAULT@1",)))
    assert (shown.relief, shown.check_in, shown.planned_for, shown.average_pain) == (None, None, None, None)
    assert shown.rules == ["RESPONSE-DEFAULT@1"]
