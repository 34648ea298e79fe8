"""Keeping what was said about a patient: read from a bundle, or typed by a person, whose role then is the source."""

from __future__ import annotations

from collections.abc import Iterable

from backbone.database import UnitOfWork
from referral.intake.facts import Fact
from referral.lifecycle.given import FactGiven
from referral.tables import Fact as FactRow
from referral.tables import Referral

LATER = 1_000_000
"""Facts that people type are listed after those of the bundle."""


def keep_facts(uow: UnitOfWork, referral: Referral, facts: Iterable[Fact]) -> None:
    """Keep each fact with its source, in the order given."""
    for position, fact in enumerate(facts):
        _keep(uow, referral, fact, position)


def keep_given(uow: UnitOfWork, referral: Referral, facts: Iterable[FactGiven]) -> None:
    """Keep each fact a person typed."""
    for one in facts:
        _keep(uow, referral, as_fact(one, str(uow.actor.role)), LATER)


def as_fact(given: FactGiven, role: str) -> Fact:
    """A typed fact in the form in which facts of bundles come."""
    return Fact(
        kind=given.kind,
        code=given.code,
        display=given.display,
        value=given.value,
        unit=given.unit,
        at=None if given.on is None else given.on.isoformat(),
        day=given.on,
        current=given.current,
        source="typed",
        path=role,
        extra={} if given.drug is None else {"drug": given.drug},
    )


def _keep(uow: UnitOfWork, referral: Referral, fact: Fact, position: int) -> None:
    number = fact.value if isinstance(fact.value, int | float) else None
    uow.session.add(
        FactRow(
            journey=referral.journey,
            referral=referral.id,
            position=position,
            kind=fact.kind,
            code=fact.code,
            system=fact.system,
            display=fact.display,
            value=number,
            words=fact.value if isinstance(fact.value, str) else None,
            unit=fact.unit,
            at=fact.at,
            day=fact.day,
            current=fact.current,
            source=fact.source,
            path=fact.path,
            extra=dict(fact.extra),
        )
    )
