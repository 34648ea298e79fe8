"""When the observation of a course is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from reliefpath.lifecycle import Finding
from reliefpath.vocabulary import CourseKind


@dataclass(frozen=True, slots=True)
class ObservationFacts:
    """Everything the guards of an observation look at. `unsettled` counts check-ins that may still be answered."""

    state: StrEnum
    kind: CourseKind
    unsettled: int = 0
    returns_to: StrEnum | None = None


def it_watches_a_treatment(facts: ObservationFacts, command: object) -> Iterator[Finding]:
    """What a trial did is a verdict of its own, so only a treatment is reassessed here."""
    if facts.kind is not CourseKind.TREATMENT:
        yield Finding(
            code="not-a-treatment",
            message="A trial is judged, not reassessed.",
            satisfy="Judge the trial.",
        )


def every_check_in_is_settled(facts: ObservationFacts, command: object) -> Iterator[Finding]:
    """A reassessment waits for every check-in: completed, lost or cancelled."""
    if facts.unsettled:
        yield Finding(
            code="check-ins-open",
            message=f"{facts.unsettled} check-ins are still open.",
            satisfy="Complete them, or cancel those that are no longer wanted.",
        )
