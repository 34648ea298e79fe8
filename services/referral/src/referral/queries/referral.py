"""A referral as it is shown: who it is about, what is known and missing, what was done, and what needs a hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import select
from sqlmodel import SQLModel, col

from backbone.access import Principal
from backbone.actions import allowed_actions
from backbone.database import UnitOfWork
from referral.intake.facts import Fact, NotUnderstood
from referral.lifecycle import REFERRAL
from referral.queries.attention import attentions_of
from referral.queries.course import courses_of
from referral.queries.facility import named
from referral.rules.referral import ReferralFacts
from referral.schemas import (
    AssessmentShown,
    ConferenceShown,
    IdentifierShown,
    NoteShown,
    PatientShown,
    ProposalShown,
    ReferralShown,
)
from referral.tables import Assessment, Conference, Note, Patient, PatientIdentifier, Referral

Shown = TypeVar("Shown", bound=BaseModel)


async def show_referral(
    uow: UnitOfWork,
    principal: Principal,
    referral: Referral,
    facts: ReferralFacts,
    known: Sequence[Fact],
    not_understood: Sequence[NotUnderstood],
) -> ReferralShown:
    """The referral for this caller, whose actions follow from `facts`; the last two are its journey's."""
    facilities = await named(uow, [referral.from_facility, referral.to_facility])
    proposal = facts.proposal
    return ReferralShown(
        **referral.model_dump(exclude={"from_facility", "to_facility", "patient", "fingerprint"}),
        from_facility=facilities[referral.from_facility],
        to_facility=facilities[referral.to_facility],
        patient=await show_patient(uow, referral),
        proposal=ProposalShown(
            urgency=None if proposal is None else proposal.urgency,
            reasons=[] if proposal is None else list(proposal.reasons),
        ),
        missing=list(facts.missing),
        facts=list(known),
        not_understood=list(not_understood),
        assessments=await _of(uow, Assessment, AssessmentShown, referral),
        conferences=await _of(uow, Conference, ConferenceShown, referral),
        notes=await _of(uow, Note, NoteShown, referral),
        courses=await courses_of(uow, referral.journey),
        attentions=await attentions_of(uow, principal, referral.journey),
        your_sides=sorted(facts.sides),
        allowed_actions=allowed_actions(REFERRAL, facts, principal, facts.sides),
    )


async def show_patient(uow: UnitOfWork, referral: Referral) -> PatientShown:
    """Who the patient is."""
    patient = await uow.session.get_one(Patient, referral.patient)
    statement = select(PatientIdentifier).where(col(PatientIdentifier.patient) == patient.id)
    ordered = statement.order_by(col(PatientIdentifier.system), col(PatientIdentifier.value))
    identifiers = (await uow.session.execute(ordered)).scalars()
    return PatientShown(
        **patient.model_dump(exclude={"journey", "source"}),
        identifiers=[IdentifierShown(system=one.system or None, value=one.value, type=one.type) for one in identifiers],
    )


async def _of(uow: UnitOfWork, table: type[SQLModel], shown: type[Shown], referral: Referral) -> list[Shown]:
    """The rows of one table about the referral's journey, oldest first."""
    rows: Any = table
    statement = select(table).where(col(rows.journey) == referral.journey).order_by(col(rows.id))
    found = (await uow.session.execute(statement)).scalars()
    return [shown.model_validate(row, from_attributes=True) for row in found]
