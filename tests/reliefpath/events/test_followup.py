"""The follow-up service's events: trials, check-ins and handovers, each by its id, and suggestions, no verdicts."""

from __future__ import annotations

import pytest

from reliefpath import events
from reliefpath.events import CATALOGUE, Event, Speaker

OURS = [cls for cls in CATALOGUE.values() if cls.speaker is Speaker.FOLLOWUP]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_every_event_names_the_thing_and_what_it_belongs_to(cls: type[Event]) -> None:
    named = {name for name, field in cls.model_fields.items() if field.is_required()}
    assert {"trial", "course"} <= named or {"check_in", "course"} <= named or {"handover", "referral"} <= named or (
        "course" in named and cls in {events.ObservationStarted, events.ReassessmentDue}
    )  # fmt: skip


@pytest.mark.parametrize("cls", [events.TrialVerdictDue, events.ReassessmentDue])
def test_a_suggestion_is_named_as_one_and_its_relief_may_be_unknown(cls: type[Event]) -> None:
    assert "suggested" in cls.model_fields
    assert "verdict" not in cls.model_fields
    assert cls.model_fields["relief"].default is None


def test_a_verdict_keeps_what_was_suggested_beside_it() -> None:
    assert {"verdict", "suggested"} <= events.TrialJudged.model_fields.keys()


def test_a_check_in_may_be_answered_in_part() -> None:
    assert events.CheckInCompleted.model_fields["worst_pain"].default is None
    assert events.CheckInCompleted.model_fields["average_pain"].is_required()
