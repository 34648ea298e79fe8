"""What may become of a course, decided from facts, the rulebook and the clock. Every guard yields all it finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Verdict

HELPFUL = frozenset({Verdict.RESPONDER, Verdict.PARTIAL})


@dataclass(frozen=True, slots=True)
class Judged:
    """A trial of this journey that was judged, and whether a clinician decided to go on from it."""

    modality: str
    verdict: Verdict
    continued: bool = False


@dataclass(frozen=True, slots=True)
class CourseFacts:
    """Everything the guards of a course look at. None means that nobody knows."""

    state: StrEnum
    now: datetime
    rulebook: Rulebook
    kind: CourseKind
    modality: str
    referral_state: str
    referral_is_active: bool
    returns_to: StrEnum | None = None
    trials: tuple[Judged, ...] = ()
    follows: UUID | None = None
    predecessor_is_open: bool | None = None
    valid_until: datetime | None = None
    baseline_pain: int | None = None
    review_is_due: bool = False
    verdict: Verdict | None = None


class Proposing(Protocol):
    """What is read off a proposal."""

    @property
    def waived_because(self) -> str | None:
        """Why a treatment goes without its trial; None when it does not."""


class Authorising(Protocol):
    """What is read off a payer's answer."""

    @property
    def valid_until(self) -> datetime | None:
        """The last moment at which the procedure may begin; None when the payer set none."""


class Continuing(Protocol):
    """What is read off a decision to go on."""

    @property
    def override_reason(self) -> str | None:
        """Why it goes on although the verdict does not say so; None when nothing was said."""


def the_referral_is_active(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """Nothing new is begun while the referral is on hold, waiting, being cancelled or closed."""
    if not facts.referral_is_active:
        yield Finding(
            code="referral-not-active",
            message=f"The referral is {facts.referral_state}.",
            satisfy="Bring the referral back to active first, by one of its own actions.",
        )


def the_modality_is_known(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """A modality of which no record says anything cannot be proposed."""
    if facts.modality not in facts.rulebook.modalities():
        yield Finding(
            code="modality-unknown",
            message=f"No record in the rulebook describes the modality {facts.modality}.",
            satisfy="Choose one of: " + ", ".join(sorted(facts.rulebook.modalities())) + ".",
            pointer="/modality",
        )


def the_trial_comes_first(facts: CourseFacts, command: Proposing | None) -> Iterator[Finding]:
    """A trial-first treatment needs a trial of this journey that helped: judged a response, or in part and continued.

    Where the record lets a clinician waive the trial, a reason is enough; it stays visible as advice.
    """
    modality = facts.rulebook.modalities().get(facts.modality)
    if facts.kind is not CourseKind.TREATMENT or modality is None or not modality.trial_first:
        return
    counted = set(modality.trial.by)
    judged = [trial for trial in facts.trials if trial.modality in counted]
    if any(trial.verdict is Verdict.RESPONDER or trial.continued for trial in judged):
        return
    waived = modality.trial_waivable and command is not None and command.waived_because is not None
    found = ", ".join(sorted({f"{trial.modality} {trial.verdict}" for trial in judged}))
    yield Finding(
        code="trial-waived" if waived else "trial-first",
        message=f"{facts.modality} is tried before it is given; "
        + (f"the judged trials here are: {found}." if found else "no trial was judged here."),
        satisfy="Propose a trial of "
        + " or ".join(sorted(counted))
        + " and have it judged"
        + (", or say in waived_because why this patient goes without one." if modality.trial_waivable else "."),
        rules=(modality.ref,),
        pointer="/waived_because" if modality.trial_waivable else "/modality",
        advisory=waived,
    )


def what_it_follows_is_over(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """The course a new one follows belongs to this journey and has come to its end."""
    if facts.follows is None:
        return
    if facts.predecessor_is_open is None:
        yield Finding(
            code="predecessor-unknown",
            message="The course it is to follow is not one of this referral.",
            satisfy="Name a course of this referral, or none.",
            pointer="/follows",
        )
    elif facts.predecessor_is_open:
        yield Finding(
            code="predecessor-open",
            message="The course it is to follow is still going on.",
            satisfy="Decide first what becomes of that course.",
            pointer="/follows",
        )


def what_was_granted_is_still_to_come(facts: CourseFacts, command: Authorising | None) -> Iterator[Finding]:
    """An authorisation that has already run out authorises nothing."""
    if command is not None and command.valid_until is not None and command.valid_until <= facts.now:
        yield Finding(
            code="authorisation-in-the-past",
            message="The authorisation ran out before it was recorded.",
            satisfy="Check the day; if it is right, deny this course and propose a new one.",
            pointer="/valid_until",
        )


def the_authorisation_is_valid(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """What the payer granted has not run out. Without an end it does not run out."""
    if facts.valid_until is not None and facts.valid_until <= facts.now:
        yield Finding(
            code="authorisation-expired",
            message="The authorisation has run out.",
            satisfy="Abandon this course and propose a new one, which is authorised anew.",
        )


def the_baseline_is_known(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """Without a pain score from before nobody can say how much it helped. It is said, and refuses nothing."""
    if facts.baseline_pain is None:
        yield Finding(
            code="no-baseline",
            message="No assessment of this journey holds an average pain score: relief will stay undefined.",
            satisfy="Record an assessment with an average pain score before the procedure.",
            kind=ReasonKind.INCOMPLETE,
            advisory=True,
        )


def it_is_a_treatment(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """Trials are judged where they are observed, in follow-up."""
    if facts.kind is not CourseKind.TREATMENT:
        yield Finding(
            code="trial-judged-elsewhere",
            message="This course is a trial; it is judged in follow-up, and the verdict comes here by itself.",
            satisfy="Judge the trial in the follow-up service.",
        )


def it_is_a_trial(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """A verdict from follow-up is about a trial."""
    if facts.kind is not CourseKind.TRIAL:
        yield Finding(
            code="treatment-judged-here",
            message="This course is a treatment; a clinician judges it here.",
            satisfy="Judge it here once its review is due.",
        )


def its_review_is_due(facts: CourseFacts, command: object) -> Iterator[Finding]:
    """A treatment is judged once its check-ins are done, not before."""
    if facts.kind is CourseKind.TREATMENT and not facts.review_is_due:
        yield Finding(
            code="review-not-due",
            message="The check-ins after this treatment are not done yet.",
            satisfy="Wait for the last check-in, or abandon the course with a reason.",
        )


def it_helped(facts: CourseFacts, command: Continuing | None) -> Iterator[Finding]:
    """Going on needs a verdict that it helped, at least in part, or a reason why all the same."""
    if facts.verdict in HELPFUL:
        return
    overridden = command is not None and command.override_reason is not None
    yield Finding(
        code="continued-against-verdict" if overridden else "did-not-help",
        message=f"The verdict is {facts.verdict or 'unknown'}.",
        satisfy="Repeat, escalate or stop, or say in override_reason why it goes on all the same.",
        kind=ReasonKind.UNMET if facts.verdict is Verdict.NON_RESPONDER else ReasonKind.INCOMPLETE,
        pointer="/override_reason",
        advisory=overridden,
    )
