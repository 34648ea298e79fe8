"""The life of a check-in: one short contact, asked for at its time, answered, or missed until it is given up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from followup.rules import check_in as rules
from reliefpath import events
from reliefpath.lifecycle import Command, Lifecycle, Transition
from reliefpath.vocabulary import Role, Score
from reliefpath.wording import Because, Text


class CheckInState(StrEnum):
    """Where a check-in stands."""

    SCHEDULED = "scheduled"
    DUE = "due"
    COMPLETED = "completed"
    MISSED = "missed"
    LOST = "lost"
    CANCELLED = "cancelled"


class Complete(Command):
    """How it has been since the last contact: pain from 0 to 10, and how often a rescue dose was taken in 24 hours."""

    average_pain: Score
    worst_pain: Score | None = None
    rescue_doses: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    note: Text | None = None


S = CheckInState

SYSTEM = frozenset({Role.SYSTEM})

CHECK_IN: Final = Lifecycle(
    name="check-in",
    states=CheckInState,
    terminal=frozenset({S.COMPLETED, S.LOST, S.CANCELLED}),
    transitions=(
        Transition(
            action="schedule",
            label="Plan a contact",
            target=S.SCHEDULED,
            by=SYSTEM,
            emits=(events.CheckInScheduled,),
        ),
        Transition(
            action="fall-due",
            label="Ask now",
            sources=frozenset({S.SCHEDULED}),
            target=S.DUE,
            by=SYSTEM,
            guards=(rules.its_time_has_come,),
            emits=(events.CheckInDue,),
        ),
        Transition(
            action="complete",
            label="Answer",
            sources=frozenset({S.DUE, S.MISSED}),
            target=S.COMPLETED,
            by=frozenset({Role.PATIENT, Role.HOME_NURSE, Role.CLINICIAN, Role.COORDINATOR}),
            command=Complete,
            guards=(rules.the_worst_pain_is_not_below_the_average,),
            emits=(events.CheckInCompleted,),
        ),
        Transition(
            action="miss",
            label="Nobody answered; try again",
            sources=frozenset({S.DUE, S.MISSED}),
            target=S.MISSED,
            by=SYSTEM,
            guards=(rules.another_try_is_left,),
            emits=(events.CheckInMissed,),
        ),
        Transition(
            action="lose",
            label="Nobody answered any try; let a person look",
            sources=frozenset({S.DUE, S.MISSED}),
            target=S.LOST,
            by=SYSTEM,
            guards=(rules.every_try_was_made,),
            emits=(events.CheckInLost,),
        ),
        Transition(
            action="cancel",
            label="Do without it",
            sources=frozenset({S.SCHEDULED, S.DUE, S.MISSED}),
            target=S.CANCELLED,
            by=frozenset({Role.CLINICIAN, Role.COORDINATOR, Role.SYSTEM}),
            command=Because,
            emits=(events.CheckInCancelled,),
        ),
    ),
)
