"""When the observation of a course is over."""

from __future__ import annotations

from followup.lifecycle import ObservationState
from followup.rules.observation import ObservationFacts, every_check_in_is_settled, it_watches_a_treatment
from reliefpath.vocabulary import CourseKind


def facts(kind: CourseKind = CourseKind.TREATMENT, unsettled: int = 0) -> ObservationFacts:
    return ObservationFacts(ObservationState.WATCHING, kind, unsettled)


def test_only_a_treatment_is_reassessed() -> None:
    assert list(it_watches_a_treatment(facts(), None)) == []
    assert [one.code for one in it_watches_a_treatment(facts(CourseKind.TRIAL), None)] == ["not-a-treatment"]


def test_a_reassessment_waits_for_every_check_in() -> None:
    assert list(every_check_in_is_settled(facts(), None)) == []
    [found] = every_check_in_is_settled(facts(unsettled=2), None)
    assert found.code == "check-ins-open"
    assert "2" in found.message
