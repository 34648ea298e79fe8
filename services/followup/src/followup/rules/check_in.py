"""When a check-in falls due, is missed, and is given up; and what makes an answer contradict itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reliefpath.lifecycle import Finding
from reliefpath.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class CheckInFacts:
    """Everything the guards of a check-in look at. `attempts` counts the times nobody answered."""

    state: StrEnum
    now: datetime
    rulebook: Rulebook
    due_at: datetime
    attempts: int = 0
    returns_to: StrEnum | None = None


class Answering(Protocol):
    """What is read off an answer."""

    @property
    def average_pain(self) -> int:
        """Since the last contact, 0 to 10."""

    @property
    def worst_pain(self) -> int | None:
        """The same at its worst; None when nobody said."""


def tries_are_left(attempts: int, rulebook: Rulebook) -> bool:
    """Whether a nurse tries again after this many times without an answer, the first included."""
    return attempts <= rulebook.missed_contact().retries


def its_time_has_come(facts: CheckInFacts, command: object) -> Iterator[Finding]:
    """Nobody is asked before the time."""
    if facts.now < facts.due_at:
        yield Finding(
            code="not-due",
            message="The check-in is not due yet.",
            satisfy="Wait for its time.",
        )


def another_try_is_left(facts: CheckInFacts, command: object) -> Iterator[Finding]:
    """A check-in counts as missed, not lost, while the policy tries again."""
    policy = facts.rulebook.missed_contact()
    if not tries_are_left(facts.attempts + 1, facts.rulebook):
        yield Finding(
            code="no-try-left",
            message=f"It was tried again {policy.retries} times.",
            satisfy="Give it up and let a person look.",
            rules=(policy.ref,),
        )


def every_try_was_made(facts: CheckInFacts, command: object) -> Iterator[Finding]:
    """Nobody is given up before every try of the policy was made."""
    policy = facts.rulebook.missed_contact()
    if tries_are_left(facts.attempts + 1, facts.rulebook):
        yield Finding(
            code="tries-left",
            message="It is to be tried again.",
            satisfy="Try again.",
            rules=(policy.ref,),
        )


def the_worst_pain_is_not_below_the_average(facts: CheckInFacts, command: Answering | None) -> Iterator[Finding]:
    """An average above the worst is a slip of the pen."""
    if command is not None and command.worst_pain is not None and command.worst_pain < command.average_pain:
        yield Finding(
            code="worst-below-average",
            message="The worst pain is lower than the average pain.",
            satisfy="Check both scores.",
            pointer="/worst_pain",
        )
