"""The lifecycle of a visit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import Field

from reliefpath import events
from reliefpath.lifecycle import TO_WHERE_IT_WAS, Command, Finding, Lifecycle, ReasonKind, Transition
from reliefpath.vocabulary import Code, Role, Side


class VisitState(StrEnum):
    """How far a visit has come."""

    PLANNED = "planned"
    READY = "ready"
    PAUSED = "paused"
    DONE = "done"
    DROPPED = "dropped"


class Plan(Command):
    """A visit is wanted."""

    place: Code | None = None
    chairs: int = Field(1, ge=1, le=9)


class Pause(Command):
    """It cannot go on for now."""

    reason_code: Code


class Finish(Command):
    """It is over."""

    chairs_left: int | None = None


@dataclass(frozen=True)
class VisitFacts:
    """What the guards of a visit look at."""

    state: VisitState
    returns_to: VisitState | None = None
    place: str | None = None
    chairs: int = 1


def place_is_known(facts: VisitFacts, _: Finish | None) -> Iterator[Finding]:
    """Nobody can have been nowhere."""
    if facts.place is None:
        yield Finding(
            code="place-unknown",
            message="Nobody knows where the visit is.",
            satisfy="Say where it is.",
            kind=ReasonKind.INCOMPLETE,
            rules=("visit-place@1",),
        )


def chairs_are_left(facts: VisitFacts, command: Finish | None) -> Iterator[Finding]:
    """No chair is taken home."""
    if command is not None and command.chairs_left is not None and command.chairs_left < facts.chairs:
        yield Finding(
            code="chairs-missing", message="Chairs are missing.", satisfy="Bring them back.", pointer="/chairs_left"
        )


def one_chair_is_little(facts: VisitFacts, _: Finish | None) -> Iterator[Finding]:
    """Advice, which refuses nothing."""
    if facts.chairs == 1:
        yield Finding(code="one-chair", message="One chair is little.", satisfy="Bring another.", advisory=True)


OPEN: Final = frozenset({VisitState.PLANNED, VisitState.READY, VisitState.PAUSED})
COORDINATOR: Final = frozenset({Role.COORDINATOR})

VISIT: Final = Lifecycle(
    "visit",
    VisitState,
    terminal=frozenset({VisitState.DONE, VisitState.DROPPED}),
    transitions=(
        Transition(
            "plan", "Plan", VisitState.PLANNED, COORDINATOR, command=Plan, emits=(events.ReferralReceived,),
        ),
        Transition(
            "prepare", "Prepare", VisitState.READY, COORDINATOR, sources=frozenset({VisitState.PLANNED}),
        ),
        Transition(
            "pause", "Pause", VisitState.PAUSED, COORDINATOR, command=Pause,
            sources=frozenset({VisitState.PLANNED, VisitState.READY}), emits=(events.ReferralHeld,),
        ),
        Transition(
            "resume", "Resume", TO_WHERE_IT_WAS, COORDINATOR,
            sources=frozenset({VisitState.PAUSED}), emits=(events.ReferralResumed,),
        ),
        Transition(
            "finish", "Finish", VisitState.DONE, frozenset({Role.CLINICIAN, Role.COORDINATOR}), command=Finish,
            sources=frozenset({VisitState.PLANNED, VisitState.READY}), emits=(events.ReferralCompleted,),
            guards=(place_is_known, chairs_are_left, one_chair_is_little),
        ),
        Transition(
            "retract", "Retract", VisitState.DROPPED, COORDINATOR, side=Side.SENDER,
            sources=frozenset({VisitState.PLANNED}), emits=(events.ReferralWithdrawn,),
        ),
        Transition(
            "drop", "Drop", VisitState.DROPPED, frozenset({Role.SYSTEM}), sources=OPEN, emits=(events.ReferralExpired,),
        ),
    ),
)  # fmt: skip
