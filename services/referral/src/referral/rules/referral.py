"""What may become of a referral, decided from facts, the rulebook and the clock. Every guard yields all it finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from referral.rules.triage import Proposal
from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Side, Urgency


@dataclass(frozen=True, slots=True)
class Destination:
    """The facility a referral is to go to, as the directory describes it; `present` says that it is there already."""

    code: str
    accepting: bool
    present: bool = False


@dataclass(frozen=True, slots=True)
class ReferralFacts:
    """Everything the guards of a referral look at.

    `sides` are the caller's own. `missing` is what the referral lacks of what is essential. `in_care` says that the
    receiver had accepted the patient before the referral was interrupted.
    """

    state: StrEnum
    now: datetime
    rulebook: Rulebook
    returns_to: StrEnum | None = None
    sides: frozenset[Side] = frozenset()
    cancellation_by: Side | None = None
    missing: tuple[Finding, ...] = ()
    proposal: Proposal | None = None
    open_courses: tuple[str, ...] = ()
    destination: Destination | None = None
    alive: bool = True
    was_sent: bool = True
    in_care: bool = False


class Accepting(Protocol):
    """What is read off an acceptance."""

    @property
    def urgency(self) -> Urgency:
        """As a person decided it."""

    @property
    def override_reason(self) -> str | None:
        """Why it is taken although something essential is missing; None when nothing was said."""


def the_patient_is_alive(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """Nothing is begun, or begun again, for a patient who has died."""
    if not facts.alive:
        yield Finding(
            code="patient-deceased",
            message="The patient is recorded as deceased.",
            satisfy="If that is wrong, have the record corrected at its source and refer anew.",
        )


def the_destination_takes_referrals(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """The facility is another one than now, and the directory says that it accepts referrals."""
    if facts.destination is None:
        return
    if facts.destination.present:
        yield Finding(
            code="facility-the-same",
            message=f"The referral is at {facts.destination.code} already.",
            satisfy="Choose another facility.",
            pointer="/to",
        )
    if not facts.destination.accepting:
        yield Finding(
            code="facility-not-accepting",
            message=f"{facts.destination.code} does not accept referrals at present.",
            satisfy="Choose another facility; GET /facilities lists those that accept.",
            pointer="/to",
        )


def nothing_essential_should_be_missing(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """A sender is told what is missing; a referral is never held back for it."""
    for finding in facts.missing:
        yield finding.model_copy(update={"advisory": True})


def nothing_essential_is_missing(facts: ReferralFacts, command: Accepting | None) -> Iterator[Finding]:
    """Everything essential is known, or somebody accepts without it and writes down why."""
    overridden = command is not None and command.override_reason is not None
    for finding in facts.missing:
        if finding.advisory or overridden:
            yield finding.model_copy(update={"advisory": True})
        else:
            otherwise = f"{finding.satisfy} Or say in override_reason why it is accepted without."
            yield finding.model_copy(update={"satisfy": otherwise, "pointer": "/override_reason"})


def the_urgency_is_not_below_the_proposal(facts: ReferralFacts, command: Accepting | None) -> Iterator[Finding]:
    """A person sets the urgency; when it is lower than what the records propose, that is shown and recorded."""
    if command is None or facts.proposal is None or facts.proposal.urgency is None:
        return
    order = list(Urgency)
    if order.index(command.urgency) > order.index(facts.proposal.urgency):
        yield Finding(
            code="urgency-below-proposal",
            message=f"The records propose {facts.proposal.urgency}: "
            + " ".join(reason.message for reason in facts.proposal.reasons),
            satisfy="Nothing is needed: a person decides. The proposal is kept beside the decision.",
            rules=facts.proposal.rules,
            pointer="/urgency",
            advisory=True,
        )


def the_caller_stands_on_a_side(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """Only the sender and the receiver may ask for this; others who see the journey may not."""
    if not facts.sides:
        yield Finding(
            code="wrong-side",
            kind=ReasonKind.SIDE,
            message="Your facility neither sent this referral nor receives it.",
            satisfy="Ask the facility that sent it or the one that receives it.",
        )


def the_other_side_answers(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """Who asked for the cancellation does not also answer."""
    if not facts.sides - {facts.cancellation_by}:
        yield Finding(
            code="own-request",
            kind=ReasonKind.SIDE,
            message="The cancellation was asked for by your side, so the other side has to answer.",
            satisfy=f"Ask the facility on the other side of the {facts.cancellation_by or 'request'}.",
        )


def no_course_is_open(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """Nothing that was begun is left without an end."""
    for course in facts.open_courses:
        yield Finding(
            code="course-open",
            message=f"A course is still open: {course}.",
            satisfy="Judge it and decide what becomes of it, or abandon it with a reason.",
        )


def nobody_is_in_care(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """Time alone never ends the care of somebody whom the receiver has accepted."""
    if facts.in_care:
        yield Finding(
            code="in-care",
            message="The receiver had accepted this patient before it asked for information.",
            satisfy="A coordinator decides: supply the information, go on without it, or cancel.",
        )


def it_had_been_sent(facts: ReferralFacts, command: object) -> Iterator[Finding]:
    """A draft that was thrown away is written anew, not reopened."""
    if not facts.was_sent:
        yield Finding(
            code="never-sent",
            message="This referral was withdrawn before it was ever sent.",
            satisfy="Write a new referral.",
        )
