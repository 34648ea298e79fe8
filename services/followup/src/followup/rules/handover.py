"""To whom a patient's care may be handed, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FacilityKind

ANSWER: Final = "OPS-HANDOVER-ANSWER"


@dataclass(frozen=True, slots=True)
class Team:
    """A facility as the directory describes it."""

    code: str
    kind: FacilityKind
    accepting: bool
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HandoverFacts:
    """Everything the guards of a handover look at. None means that nobody knows.

    `team` is whoever is asked. `modalities` are those whose effect is being watched. `predecessor_was_declined` says of
    the handover that this one follows whether it was refused or timed out.
    """

    state: StrEnum
    now: datetime
    rulebook: Rulebook
    journey_is_open: bool | None = None
    another_is_open: bool = False
    team: Team | None = None
    modalities: tuple[str, ...] = ()
    follows_another: bool = False
    predecessor_was_declined: bool | None = None
    returns_to: StrEnum | None = None


class Offering(Protocol):
    """What is read off an offer."""

    @property
    def despite(self) -> str | None:
        """How it is provided for what the team does not list; None when nothing was said."""


def answer_by(now: datetime, rulebook: Rulebook) -> datetime:
    """Until when a home team answers that is asked now."""
    return now + rulebook.operation(ANSWER).wait.longest


def the_journey_is_open(facts: HandoverFacts, command: object) -> Iterator[Finding]:
    """Nobody is handed over whose path has ended."""
    if facts.journey_is_open is None:
        yield Finding(
            code="journey-unknown",
            message="Follow-up has not heard of this journey's referral yet.",
            satisfy="Try again in a moment.",
            kind=ReasonKind.INCOMPLETE,
        )
    elif not facts.journey_is_open:
        yield Finding(
            code="journey-closed",
            message="The referral is closed.",
            satisfy="Reopen the referral first, if care goes on.",
        )


def no_other_handover_is_open(facts: HandoverFacts, command: object) -> Iterator[Finding]:
    """One team at a time is asked or in charge."""
    if facts.another_is_open:
        yield Finding(
            code="handover-open",
            message="Another handover of this patient is offered, accepted or active.",
            satisfy="End that one first, or wait for its answer.",
        )


def it_is_a_home_team(facts: HandoverFacts, command: object) -> Iterator[Finding]:
    """Care at home is handed to a team that cares for people at home."""
    if facts.team is None:
        yield Finding(
            code="facility-unknown",
            message="The directory knows no facility of this code.",
            satisfy="Name a facility that the directory lists.",
            kind=ReasonKind.INCOMPLETE,
            pointer="/to",
        )
    elif facts.team.kind is not FacilityKind.HOME_CARE:
        yield Finding(
            code="not-a-home-team",
            message=f"{facts.team.code} is a {facts.team.kind}.",
            satisfy="Name a home care team.",
            pointer="/to",
        )


def it_takes_patients(facts: HandoverFacts, command: object) -> Iterator[Finding]:
    """A team that takes nobody at present is not asked."""
    if facts.team is not None and not facts.team.accepting:
        yield Finding(
            code="not-accepting",
            message=f"{facts.team.code} takes no patients at present.",
            satisfy="Ask another team.",
            pointer="/to",
        )


def it_can_do_what_is_needed(facts: HandoverFacts, command: Offering | None) -> Iterator[Finding]:
    """What was done may need something special at home. Who hands over may do so despite its lack, saying how."""
    if facts.team is None:
        return
    overridden = command is not None and command.despite is not None
    for code in facts.modalities:
        modality = facts.rulebook.modalities().get(code)
        lacking = sorted(set(modality.home_capabilities) - facts.team.capabilities) if modality is not None else []
        if modality is not None and lacking:
            yield Finding(
                code="capability-missing",
                message=f"At home {code} needs {', '.join(lacking)}, which {facts.team.code} does not list.",
                satisfy="Ask another team, or say in `despite` how it is provided.",
                rules=(modality.ref,),
                pointer="/despite",
                advisory=overridden,
            )


def what_it_follows_was_declined(facts: HandoverFacts, command: object) -> Iterator[Finding]:
    """A further offer follows one of this journey that was refused or not answered."""
    if not facts.follows_another or facts.predecessor_was_declined:
        return
    unknown = facts.predecessor_was_declined is None
    yield Finding(
        code="predecessor-unknown" if unknown else "predecessor-not-declined",
        message="The handover it is to follow is not one of this journey."
        if unknown
        else "The handover it is to follow was neither refused nor left unanswered.",
        satisfy="Name a refused or unanswered handover of this journey, or none.",
        pointer="/follows",
    )
