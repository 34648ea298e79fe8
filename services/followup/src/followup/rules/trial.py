"""When a trial is over, how long it may last, and what a verdict needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from followup.rules.contacts import modality_rules, trial_days
from followup.rules.response import Suggestion
from reliefpath.lifecycle import Finding
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Verdict

VERDICT: Final = "OPS-VERDICT"


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """Everything the guards of a trial look at.

    `awaited` counts the check-ins of the trial's own time whose answer may still come in time.
    """

    state: StrEnum
    now: datetime
    rulebook: Rulebook
    modality: str
    suggestion: Suggestion
    started_at: datetime | None = None
    ends_at: datetime | None = None
    awaited: int = 0
    returns_to: StrEnum | None = None


class Extending(Protocol):
    """What is read off an extension."""

    @property
    def until(self) -> datetime:
        """The new end of the trial."""


class Judging(Protocol):
    """What is read off a verdict."""

    @property
    def verdict(self) -> Verdict:
        """What the trial did, as the clinician sees it."""

    @property
    def reason(self) -> str | None:
        """Why it is not the verdict that the records suggest; None when nothing was said."""


def verdict_by(now: datetime, rulebook: Rulebook) -> datetime:
    """Until when a clinician should have judged a trial that ended now; then it is shown as overdue."""
    return now + rulebook.operation(VERDICT).wait.longest


def its_time_is_over(facts: TrialFacts, command: object) -> Iterator[Finding]:
    """A trial comes up for its verdict by itself only at its end."""
    if facts.ends_at is None or facts.now < facts.ends_at:
        yield Finding(
            code="trial-still-runs",
            message="The trial's time is not over.",
            satisfy="Wait for its end, or conclude it for a reason.",
            rules=modality_rules(facts.modality, facts.rulebook),
        )


def no_answer_is_awaited(facts: TrialFacts, command: object) -> Iterator[Finding]:
    """The verdict waits for answers that were asked for within the trial, as long as they have time to come."""
    if facts.awaited:
        yield Finding(
            code="answers-awaited",
            message=f"{facts.awaited} check-ins of the trial may still be answered in time.",
            satisfy="Complete them, or wait until their time to answer is over.",
        )


def the_new_end_lies_ahead(facts: TrialFacts, command: Extending | None) -> Iterator[Finding]:
    """An extension makes a trial longer, from now on."""
    if command is None:
        return
    if command.until <= facts.now:
        yield Finding(
            code="end-in-the-past",
            message="The new end has already passed.",
            satisfy="Name a time to come.",
            pointer="/until",
        )
    if facts.ends_at is not None and command.until <= facts.ends_at:
        yield Finding(
            code="not-longer",
            message="The trial would not become longer.",
            satisfy="Name a time after its present end, or conclude the trial.",
            pointer="/until",
        )


def it_stays_within_the_usual_length(facts: TrialFacts, command: Extending | None) -> Iterator[Finding]:
    """A trial longer than the record's range is the clinician's decision; it is said, and refuses nothing."""
    days = trial_days(facts.modality, facts.rulebook)
    if command is None or days is None or facts.started_at is None:
        return
    if command.until - facts.started_at > timedelta(days=days.high):
        yield Finding(
            code="longer-than-usual",
            message=f"The record's longest trial of {facts.modality} lasts {days.high:g} days.",
            satisfy="Check that whatever was inserted may stay that long.",
            rules=modality_rules(facts.modality, facts.rulebook),
            pointer="/until",
            advisory=True,
        )


def another_verdict_than_suggested_has_a_reason(facts: TrialFacts, command: Judging | None) -> Iterator[Finding]:
    """A clinician may judge otherwise than the records suggest, and says why."""
    suggestion = facts.suggestion
    if command is None or command.verdict is suggestion.verdict or command.reason is not None:
        return
    yield Finding(
        code="reason-needed",
        message=f"The records suggest {suggestion.verdict}, not {command.verdict}.",
        satisfy="Say in `reason` why the verdict differs.",
        rules=suggestion.rules,
        pointer="/reason",
    )


def what_the_answers_leave_open(facts: TrialFacts, command: object) -> Iterator[Finding]:
    """What a clinician should know about the suggestion before judging."""
    yield from facts.suggestion.advice
