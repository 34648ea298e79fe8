"""Antithrombotics before a procedure: what the guidelines say about each, what was decided, and what still stands open.

Nothing here holds a drug. The decision is made together with the prescriber and recorded; a slot is only compared with
it. Where guidelines or forms of a drug differ and nobody said which applies, the longest interval counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol

from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.record import BleedClass, HoldRule
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Purpose
from scheduling.rules.facts import AppointmentFacts, HoldDecision, Wanting, wanted_by


class Asks(IntEnum):
    """What the guidelines ask for, ever more of it. UNKNOWN: no record says anything, which never means nothing."""

    NOTHING = 0
    PERHAPS_A_DECISION = 1
    A_DECISION = 2
    A_HOLD = 3
    UNKNOWN = 4


_ASKS = {
    "none": Asks.NOTHING,
    "shared_or_none": Asks.PERHAPS_A_DECISION,
    "shared": Asks.A_DECISION,
    "hold": Asks.A_HOLD,
}


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """One drug before this procedure.

    before: how long it is left off. needs: what else has to be so on the day. earliest: before when the procedure
    should not begin, as far as that follows from what was decided.
    """

    drug: str
    asks: Asks
    before: timedelta | None = None
    needs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    decision: HoldDecision | None = None

    @property
    def earliest(self) -> datetime | None:
        """Before when the procedure should not begin; None when nothing was decided that says so."""
        if self.decision is None:
            return None
        if not self.decision.held:
            return self.decision.not_before
        if self.decision.last_dose_at is None or self.before is None:
            return None
        return self.decision.last_dose_at + self.before

    @property
    def still_needs(self) -> tuple[str, ...]:
        """What has to be so on the day and was not confirmed yet; only asked of a drug that is held."""
        if self.decision is None or not self.decision.held:
            return ()
        return tuple(need for need in self.needs if need not in self.decision.confirmed)


class Starting(Protocol):
    """What is read off the beginning of a procedure."""

    @property
    def confirmed(self) -> tuple[str, ...]:
        """The codes of what was looked at before, such as `normal_inr`."""


def bleed_class_of(facts: AppointmentFacts, variant: str | None = None) -> BleedClass | None:
    """How much harm bleeding can do here; None when no record says."""
    modality = facts.modality
    if modality is None:
        return None
    variant = variant or facts.variant
    return modality.bleed_variants.get(variant, modality.bleed_class) if variant else modality.bleed_class


def plan_of(drug: str, bleed_class: BleedClass | None, decision: HoldDecision | None, rulebook: Rulebook) -> HoldPlan:
    """What the guidelines say about one drug before a procedure of this class, beside what was decided."""
    form = decision.form if decision is not None else None
    holds = rulebook.holds(drug, bleed_class, form=form) if bleed_class is not None else ()
    if not holds or bleed_class is None:
        return HoldPlan(drug, Asks.UNKNOWN, decision=decision)
    rules = [hold.by_class[bleed_class] for hold in holds]
    kidneys_may_be_impaired = decision is None or decision.renal_impairment is not False
    return HoldPlan(
        drug=drug,
        asks=max(_ASKS[rule.decision] for rule in rules),
        before=max((length for rule in rules if (length := _longest(rule, kidneys_may_be_impaired))), default=None),
        needs=tuple(sorted({need for rule in rules for need in rule.needs})),
        rules=tuple(hold.ref for hold in holds),
        decision=decision,
    )


def hold_plans(facts: AppointmentFacts, variant: str | None = None) -> tuple[HoldPlan, ...]:
    """One plan per antithrombotic of the patient; none when no needle is involved."""
    if facts.purpose is not Purpose.PROCEDURE:
        return ()
    bleed_class = bleed_class_of(facts, variant)
    return tuple(
        plan_of(drug, bleed_class, facts.decisions.get(drug), facts.rulebook) for drug in sorted(facts.antithrombotics)
    )


def earliest_safe(facts: AppointmentFacts) -> datetime | None:
    """Before when the procedure should not begin, as far as decisions say; None when none says so."""
    return max((plan.earliest for plan in hold_plans(facts) if plan.earliest is not None), default=None)


def the_antithrombotics_are_decided(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """Every antithrombotic was decided on with its prescriber, and the slot lies long enough after its last dose.

    The records say how long, where a hold was agreed; where something else was, the decision says from when on.
    """
    wanted = wanted_by(command)
    pointer = f"{wanted.at}/starts_at" if wanted is not None else None
    start = wanted.interval.start if wanted is not None else None
    for plan in hold_plans(facts, wanted.variant if wanted is not None else None):
        if plan.decision is None:
            yield from _undecided(plan)
        elif not plan.decision.held:
            yield from _decided_otherwise(plan)
        elif plan.asks is Asks.UNKNOWN:
            yield _unknown(plan)
        if start is not None and plan.earliest is not None and start < plan.earliest:
            yield Finding(
                code="hold-too-short",
                message=f"{plan.drug} was decided upon so that the procedure should not begin before "
                f"{plan.earliest.isoformat()}.",
                satisfy=f"Choose a slot at or after {plan.earliest.isoformat()}, or agree with the prescriber anew.",
                rules=plan.rules,
                pointer=pointer,
            )


def the_variant_is_known(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """A named variant is one of the modality's; without one it is said that some variants bleed worse."""
    wanted, modality = wanted_by(command), facts.modality
    if wanted is None or facts.purpose is not Purpose.PROCEDURE:
        return
    variants = modality.bleed_variants if modality is not None else {}
    variant = wanted.variant or facts.variant
    if variant is not None and variant not in variants:
        yield Finding(
            code="variant-unknown",
            message=f"No record describes the variant {variant} of {facts.modality_code}.",
            satisfy="Name one of: " + ", ".join(sorted(variants)) + "." if variants else "Name no variant.",
            pointer=f"{wanted.at}/variant",
        )
    elif variant is None and modality is not None and facts.antithrombotics:
        order = list(BleedClass)
        worse = sorted(one for one, klass in variants.items() if order.index(klass) > order.index(modality.bleed_class))
        if worse:
            yield Finding(
                code="variant-bleeds-worse",
                message=f"Holds are reckoned for the usual form, bleed class {modality.bleed_class}; "
                f"the class is higher for: {', '.join(worse)}.",
                satisfy="Name the variant if it is one of these.",
                rules=(modality.ref,),
                pointer=f"{wanted.at}/variant",
                advisory=True,
            )


def what_holds_need_is_confirmed(facts: AppointmentFacts, command: Starting | None) -> Iterator[Finding]:
    """What a hold needs besides time, such as a normal INR, was looked at before the procedure begins."""
    confirmed: Sequence[str] = command.confirmed if command is not None else ()
    for plan in hold_plans(facts):
        for need in plan.still_needs:
            if need not in confirmed:
                yield Finding(
                    code="need-unconfirmed",
                    message=f"{plan.drug}: {need} was not confirmed.",
                    satisfy=f"Look, and name {need} in confirmed.",
                    kind=ReasonKind.INCOMPLETE,
                    rules=plan.rules,
                    pointer="/confirmed",
                )


def _longest(rule: HoldRule, kidneys_may_be_impaired: bool) -> timedelta | None:
    if rule.before is None:
        return None
    if kidneys_may_be_impaired and rule.before_if_renal_impairment is not None:
        return max(rule.before.longest, rule.before_if_renal_impairment.longest)
    return rule.before.longest


def _undecided(plan: HoldPlan) -> Iterator[Finding]:
    if plan.asks is Asks.UNKNOWN:
        yield _unknown(plan)
    elif plan.asks is not Asks.NOTHING:
        by_records = f"; the records say {plan.before.days} d {plan.before.seconds // 3600} h" if plan.before else ""
        yield Finding(
            code="hold-undecided",
            message=f"Nothing was decided about {plan.drug}{by_records}.",
            satisfy="Agree with its prescriber, then record-hold with the last dose, or record-discussion.",
            kind=ReasonKind.INCOMPLETE,
            rules=plan.rules,
            advisory=plan.asks is Asks.PERHAPS_A_DECISION,
        )


def _unknown(plan: HoldPlan) -> Finding:
    return Finding(
        code="hold-unknown",
        message=f"No record says how long {plan.drug} is left off before this procedure.",
        satisfy="Decide with its prescriber and record-discussion, with not_before if it should be left off.",
        kind=ReasonKind.INCOMPLETE,
        rules=plan.rules,
    )


def _decided_otherwise(plan: HoldPlan) -> Iterator[Finding]:
    if plan.asks in (Asks.A_HOLD, Asks.UNKNOWN):
        yield Finding(
            code="hold-decided-otherwise",
            message=f"With the prescriber of {plan.drug} something else was decided than a hold by the records.",
            satisfy="Nothing is needed: it was decided together. It stays visible.",
            rules=plan.rules,
            advisory=True,
        )
