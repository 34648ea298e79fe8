"""The life of an attention: something that needs a person's hand now, until somebody has seen to it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from reliefpath.lifecycle import Command, Lifecycle, Transition
from reliefpath.vocabulary import Code, Role
from reliefpath.wording import Text


class AttentionState(StrEnum):
    """Whether somebody still has to look."""

    OPEN = "open"
    CLEARED = "cleared"
    LAPSED = "lapsed"


class AttentionKind(StrEnum):
    """What happened that a person has to know of. A subject has one open attention of a kind at most."""

    TRIAGE_OVERDUE = "triage_overdue"
    ASSESSMENT_OVERDUE = "assessment_overdue"
    INFORMATION_OVERDUE = "information_overdue"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    APPOINTMENT_MISSED = "appointment_missed"
    APPOINTMENT_FELL_THROUGH = "appointment_fell_through"
    REVIEW_DUE = "review_due"
    DECISION_DUE = "decision_due"
    CHECK_IN_LOST = "check_in_lost"
    HANDOVER_REFUSED = "handover_refused"
    HANDOVER_TIMED_OUT = "handover_timed_out"


class Clear(Command):
    """Somebody has seen to it; `outcome_code` says what was done."""

    outcome_code: Code
    note: Text | None = None


ATTENTION: Final = Lifecycle(
    name="attention",
    states=AttentionState,
    terminal=frozenset({AttentionState.CLEARED, AttentionState.LAPSED}),
    transitions=(
        Transition(
            action="raise",
            label="Ask for a hand",
            target=AttentionState.OPEN,
            by=frozenset({Role.SYSTEM}),
        ),
        Transition(
            action="clear",
            label="Say that it has been seen to",
            sources=frozenset({AttentionState.OPEN}),
            target=AttentionState.CLEARED,
            by=frozenset({Role.COORDINATOR, Role.CLINICIAN}),
            command=Clear,
        ),
        Transition(
            action="lapse",
            label="Drop it, as it no longer matters",
            sources=frozenset({AttentionState.OPEN}),
            target=AttentionState.LAPSED,
            by=frozenset({Role.SYSTEM}),
        ),
    ),
)
