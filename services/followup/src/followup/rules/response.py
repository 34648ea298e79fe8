"""What the answers say about the effect of a course: a suggestion by the records, never a verdict.

Relief is `(baseline - now) / baseline` in percent, both of them average pain. Without a baseline, or with one of zero,
it is undefined, and then nobody knows what the course did: that is told apart from a course that did nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.record import Response
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Verdict


@dataclass(frozen=True, slots=True)
class Reading:
    """One answered check-in: the average pain, and the moment the check-in was planned for."""

    check_in: UUID
    at: datetime
    pain: int


@dataclass(frozen=True, slots=True)
class Window:
    """The time whose answers count first, both ends included."""

    opens: datetime
    closes: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.opens <= at <= self.closes


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything a suggestion is made from. None means that nobody knows."""

    modality: str
    readings: tuple[Reading, ...] = ()
    baseline: int | None = None
    goal: int | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the records suggest, from which answer, by which records, and what a clinician should know about it."""

    verdict: Verdict
    relief: float | None = None
    reading: Reading | None = None
    rules: tuple[str, ...] = ()
    advice: tuple[Finding, ...] = ()


def suggest(observed: Observed, rulebook: Rulebook) -> Suggestion:
    """The verdict that the records suggest.

    The newest answer within the window counts; when there is none there, the newest of all, and the advice says so. The
    advice also says when the newest answer would be graded differently from the one that counts.
    """
    newest = max(observed.readings, key=lambda reading: reading.at, default=None)
    within = [one for one in observed.readings if observed.window is None or one.at in observed.window]
    counted = max(within, key=lambda reading: reading.at, default=newest)
    gradings = gradings_of(observed.modality, rulebook)
    rules = tuple(record.ref for record in gradings)
    advice = list(_unknowns(observed, counted, gradings))
    if counted is None or newest is None or advice:
        return Suggestion(Verdict.NO_DATA, None, counted, rules, tuple(advice))
    verdict = grade(counted.pain, observed, gradings)
    if counted not in within:
        advice.append(_outside(counted, rules))
    if grade(newest.pain, observed, gradings) is not verdict:
        advice.append(_changed(newest, counted, rules))
    return Suggestion(verdict, relief(observed.baseline, counted.pain), counted, rules, tuple(advice))


def relief(baseline: int | None, pain: int) -> float | None:
    """Relief in percent of the baseline, negative when pain grew; None when the baseline is unknown or zero."""
    return None if not baseline else round(100 * (baseline - pain) / baseline, 1)


def gradings_of(modality: str, rulebook: Rulebook) -> tuple[Response, ...]:
    """The records by which an effect of this modality is graded: its own, then those by the patient's goal.

    Empty for a modality that no record describes. What a record says about toxicity is not seen here.
    """
    if modality not in rulebook.modalities():
        return ()
    by_goal = [record for record in rulebook.of(Response) if record.at_or_below_goal]
    return tuple(dict.fromkeys([rulebook.response(modality), *by_goal]))


def grade(pain: int, observed: Observed, gradings: Sequence[Response]) -> Verdict:
    """What this much pain means against a known baseline above zero: the best that any of the records says.

    Reaching the personal goal is a response only when the pain was above the goal before.
    """
    change = relief(observed.baseline, pain)
    if change is None or observed.baseline is None:
        return Verdict.NO_DATA
    if any(_at_least(change, record.responder_percent) for record in gradings):
        return Verdict.RESPONDER
    goal_met = observed.goal is not None and pain <= observed.goal < observed.baseline
    if goal_met and any(record.at_or_below_goal for record in gradings):
        return Verdict.RESPONDER
    if any(_at_least(change, record.partial_percent) for record in gradings):
        return Verdict.PARTIAL
    return Verdict.NON_RESPONDER


def window_of(
    modality: str, kind: CourseKind, performed_at: datetime, ends_at: datetime | None, rulebook: Rulebook
) -> Window | None:
    """When answers count first: at the end of a trial, around the record's time after a treatment.

    None, which is any time, when the record says nothing about it.
    """
    if modality not in rulebook.modalities():
        return None
    record = rulebook.response(modality)
    if record.tolerance is None:
        return None
    if kind is CourseKind.TRIAL:
        return None if ends_at is None else Window(ends_at - record.tolerance.longest, ends_at)
    if record.window is None:
        return None
    return Window(
        performed_at + record.window.shortest - record.tolerance.longest,
        performed_at + record.window.longest + record.tolerance.longest,
    )


def _at_least(change: float, percent: float | None) -> bool:
    return percent is not None and change >= percent


def _unknowns(observed: Observed, counted: Reading | None, gradings: Sequence[Response]) -> Iterator[Finding]:
    rules = tuple(record.ref for record in gradings)
    if not gradings:
        yield Finding(
            code="modality-ungraded",
            message=f"No record says how an effect of {observed.modality} is graded.",
            satisfy="Judge without a suggestion.",
            kind=ReasonKind.INCOMPLETE,
            advisory=True,
        )
    if counted is None:
        yield Finding(
            code="no-answers",
            message="Nobody answered a check-in.",
            satisfy="Ask the patient before judging.",
            kind=ReasonKind.INCOMPLETE,
            rules=rules,
            advisory=True,
        )
    if not observed.baseline:
        unknown = observed.baseline is None
        yield Finding(
            code="baseline-unknown" if unknown else "baseline-zero",
            message=("The pain before is not known" if unknown else "There was no pain before")
            + ", so relief is undefined.",
            satisfy="Judge by what the patient says has changed.",
            kind=ReasonKind.INCOMPLETE,
            rules=rules,
            advisory=True,
        )


def _outside(counted: Reading, rules: tuple[str, ...]) -> Finding:
    return Finding(
        code="answer-outside-window",
        message=f"No answer lies where the record looks; the newest, of {counted.at.date()}, was taken instead.",
        satisfy="Ask the patient how it is now.",
        kind=ReasonKind.INCOMPLETE,
        rules=rules,
        advisory=True,
    )


def _changed(newest: Reading, counted: Reading, rules: tuple[str, ...]) -> Finding:
    return Finding(
        code="effect-changed",
        message=f"The newest answer, of {newest.at.date()}, is graded differently from that of {counted.at.date()}.",
        satisfy="Look at the course of the pain before judging.",
        rules=rules,
        advisory=True,
    )
