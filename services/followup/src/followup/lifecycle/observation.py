"""The life of an observation: one course, expected, then watched by check-ins until somebody says what it did."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from followup.rules import observation as rules
from reliefpath import events
from reliefpath.lifecycle import Lifecycle, Transition
from reliefpath.vocabulary import Role


class ObservationState(StrEnum):
    """Where an observation stands."""

    EXPECTED = "expected"
    WATCHING = "watching"
    REASSESSMENT_DUE = "reassessment_due"
    ENDED = "ended"


S = ObservationState

SYSTEM = frozenset({Role.SYSTEM})

OBSERVATION: Final = Lifecycle(
    name="observation",
    states=ObservationState,
    terminal=frozenset({S.ENDED}),
    transitions=(
        Transition(
            action="expect",
            label="Expect a course that is wanted",
            target=S.EXPECTED,
            by=SYSTEM,
        ),
        Transition(
            action="start",
            label="Watch what the course does, now that it was performed",
            sources=frozenset({S.EXPECTED}),
            target=S.WATCHING,
            by=SYSTEM,
            emits=(events.ObservationStarted,),
        ),
        Transition(
            action="reassess",
            label="Ask what the treatment did, now that its check-ins are done",
            sources=frozenset({S.WATCHING}),
            target=S.REASSESSMENT_DUE,
            by=SYSTEM,
            guards=(rules.it_watches_a_treatment, rules.every_check_in_is_settled),
            emits=(events.ReassessmentDue,),
        ),
        Transition(
            action="end",
            label="Watch no longer",
            sources=frozenset({S.EXPECTED, S.WATCHING, S.REASSESSMENT_DUE}),
            target=S.ENDED,
            by=SYSTEM,
        ),
    ),
)
