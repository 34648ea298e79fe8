"""Trials as they are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backbone.access import Principal
from backbone.rows import new_id
from followup.lifecycle import TrialState
from followup.queries.trial import is_overdue, trials
from followup.tables import Trial
from reliefpath.vocabulary import Role, facility_id
from tests.support.followup import RECEIVER, Place

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WHO = Principal("somebody", Role.CLINICIAN, frozenset({facility_id(RECEIVER)}))


@pytest.mark.parametrize(
    ("state", "verdict_by", "overdue"),
    [
        (TrialState.AWAITING_VERDICT, NOW - timedelta(seconds=1), True),
        (TrialState.AWAITING_VERDICT, NOW, False),
        (TrialState.AWAITING_VERDICT, None, False),
        (TrialState.JUDGED, NOW - timedelta(days=9), False),
    ],
)
def test_only_a_trial_whose_verdict_is_late_is_overdue(
    state: TrialState, verdict_by: datetime | None, *, overdue: bool
) -> None:
    row = Trial(id=new_id(), journey=new_id(), course=new_id(), state=state, verdict_by=verdict_by)
    assert is_overdue(row, NOW) is overdue


async def test_they_are_listed_oldest_first_with_their_modality(place: Place) -> None:
    first, second = await place.performed(modality="SCS"), await place.performed(modality="PNB")
    async with place.work() as uow:
        listed = await trials(
            uow, WHO, journey=None, course=None, states=[TrialState.RUNNING], overdue=False, cursor=None, limit=5
        )
        assert [(one.course, one.modality) for one in listed] == [(first.course, "SCS"), (second.course, "PNB")]
        narrowed = await trials(
            uow, WHO, journey=None, course=second.course, states=(), overdue=False, cursor=None, limit=5
        )
        assert [one.course for one in narrowed] == [second.course]
