"""Keeping what was said about a patient: read from a bundle, or typed by a person, whose role then is the source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue
from sqlalchemy import insert

from backbone.database import UnitOfWork
from backbone.rows import new_id
from referral.intake.diagnoses import CANCEROUS, behaviour_of
from referral.intake.elements import Coding, Concept
from referral.intake.facts import DRUGS, Fact, FactKind
from referral.intake.lexicon import lexicon
from referral.lifecycle.given import FactGiven
from referral.tables import Fact as FactRow
from referral.tables import Referral
from reliefpath.rulebook import Rulebook

LATER = 1_000_000
"""Facts that people type are listed after those of the bundle."""


async def keep_facts(uow: UnitOfWork, referral: Referral, facts: Iterable[Fact]) -> None:
    """Keep each fact with its source, in the order given. There may be thousands, so no row object is made of them."""
    rows = [_row(referral, fact, position) for position, fact in enumerate(facts)]
    if rows:
        await uow.session.execute(insert(FactRow), rows)


def keep_given(uow: UnitOfWork, referral: Referral, facts: Iterable[FactGiven]) -> None:
    """Keep each fact a person typed."""
    for one in facts:
        uow.session.add(FactRow(**_row(referral, as_fact(one, str(uow.actor.role)), LATER)))


def as_fact(given: FactGiven, role: str) -> Fact:
    """A typed fact in the form in which facts of bundles come, read by the same words and codes."""
    named = Concept((Coding(None, given.code, given.display),), given.display)
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
        extra=_read(given, named),
    )


def _read(given: FactGiven, named: Concept) -> dict[str, JsonValue]:
    book = Rulebook.load()
    if given.kind is FactKind.DIAGNOSIS:
        behaviour = behaviour_of(named, lexicon(book))
        return {"behaviour": behaviour, "cancer": CANCEROUS.get(behaviour or "", False)}
    if given.kind not in DRUGS:
        return {}
    classes = {member.code: record.drug_class for record in book.medicines() for member in record.members}
    found = next(lexicon(book).drugs(named), None)
    drug = given.drug or (found.medicine.code if found else None)
    told: dict[str, JsonValue] = {"drug": drug, "drug_class": classes.get(drug or "")}
    return {name: value for name, value in told.items() if value is not None}


def _row(referral: Referral, fact: Fact, position: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "journey": referral.journey,
        "referral": referral.id,
        "position": position,
        "kind": fact.kind,
        "code": fact.code,
        "system": fact.system,
        "display": fact.display,
        "value": fact.value if isinstance(fact.value, int | float) else None,
        "words": fact.value if isinstance(fact.value, str) else None,
        "unit": fact.unit,
        "at": fact.at,
        "day": fact.day,
        "current": fact.current,
        "source": fact.source,
        "path": fact.path,
        "extra": dict(fact.extra),
    }
