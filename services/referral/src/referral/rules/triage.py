"""How soon a patient should be seen, as the records propose it. A person decides; this only suggests, and says why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from referral.intake.facts import ANTITHROMBOTICS, Fact, FactKind
from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.record import DAYS_IN, UrgencySigns
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Urgency


@dataclass(frozen=True, slots=True)
class Proposal:
    """An urgency as the records propose it, with every reason; no urgency when too little is known."""

    urgency: Urgency | None
    reasons: tuple[Finding, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """The records it rests on."""
        return tuple(dict.fromkeys(rule for reason in self.reasons for rule in reason.rules))


def propose_urgency(facts: Sequence[Fact], signs: Collection[str], rulebook: Rulebook) -> Proposal:
    """The most urgent level for which something speaks, with all that speaks for it. `signs` are the sender's codes.

    When nothing does, it is routine only if the pain is known; otherwise nothing is proposed: what is unknown is
    incomplete, and never a reason to wait longer.
    """
    pain, left = latest_pain(facts), shortest_prognosis(facts)
    for level in rulebook.urgency_signs():
        reasons = tuple(_speaks_for(level, pain, left, signs))
        if reasons:
            return Proposal(level.urgency, reasons)
    rules = tuple(level.ref for level in rulebook.urgency_signs())
    if pain is not None:
        return Proposal(Urgency.ROUTINE, (_reason("no-sign", f"{_told(pain)}, and no sign of more urgency.", rules),))
    unknown = Finding(
        code="pain-unknown",
        message="No pain score is known, so no urgency is proposed.",
        satisfy="Supply a pain score from 0 to 10 with its day.",
        kind=ReasonKind.INCOMPLETE,
        rules=rules,
        advisory=True,
    )
    return Proposal(None, (unknown,))


def signs_known(rulebook: Rulebook) -> frozenset[str]:
    """The signs of urgency that a sender may state, as the records name them."""
    return frozenset(code for level in rulebook.urgency_signs() for code in (*level.any_of, *level.only_with))


def latest_pain(facts: Sequence[Fact]) -> Fact | None:
    """The newest pain score, the highest of its day; one without a day counts as oldest."""
    scores = [one for one in facts if one.kind is FactKind.PAIN_SCORE and isinstance(one.value, int | float)]
    return max(scores, key=lambda one: (one.day or date.min, one.value), default=None)


def shortest_prognosis(facts: Sequence[Fact]) -> timedelta | None:
    """A prognosis that somebody gave in days, weeks or months; one kept in words is for people to read."""
    given = [
        timedelta(days=one.value * DAYS_IN[one.unit])
        for one in facts
        if one.kind is FactKind.PROGNOSIS and isinstance(one.value, int | float) and one.unit in DAYS_IN
    ]
    return min(given, default=None)


def antithrombotics(facts: Sequence[Fact]) -> tuple[str, ...]:
    """The drugs against clotting that the patient takes, or may take. Those known to have ended are left out."""
    found = {one.drug or one.code for one in facts if one.kind in ANTITHROMBOTICS and one.current is not False}
    return tuple(sorted(code for code in found if code))


def _speaks_for(
    level: UrgencySigns, pain: Fact | None, left: timedelta | None, signs: Collection[str]
) -> Iterator[Finding]:
    if pain is not None and _within(level, pain.value) and set(level.only_with) <= set(signs):
        beside = " with " + " and ".join(level.only_with) if level.only_with else ""
        yield _reason("pain", f"{_told(pain)}{beside}.", (level.ref,))
    if left is not None and level.prognosis_below is not None and left < level.prognosis_below.shortest:
        yield _reason("prognosis", f"A prognosis of less than {level.prognosis_below}.", (level.ref,))
    for code in level.any_of:
        if code in signs:
            yield _reason(code, f"{code.replace('_', ' ').capitalize()}, says the sender.", (level.ref,))


def _within(level: UrgencySigns, pain: float | str | None) -> bool:
    if not isinstance(pain, int | float) or (level.pain_at_least is None and level.pain_at_most is None):
        return False
    return (level.pain_at_least is None or pain >= level.pain_at_least) and (
        level.pain_at_most is None or pain < level.pain_at_most + 1
    )


def _told(pain: Fact) -> str:
    return f"Pain {pain.value:g} of 10" + (f" on {pain.day}" if pain.day else ", on an unknown day")


def _reason(code: str, message: str, rules: tuple[str, ...]) -> Finding:
    return Finding(
        code=code,
        message=message,
        satisfy="Nothing is needed: a person decides on the urgency.",
        rules=rules,
        advisory=True,
    )
