"""Opening a referral: written by hand as a draft, or read from a bundle and sent at once.

One person, one open referral at one place; one bundle, one referral.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlmodel import col

from backbone.access import Principal, admit, visible
from backbone.database import UnitOfWork
from backbone.problems import Conflict, Invalid, Reason
from backbone.rows import new_id
from backbone.transitions import begin
from referral.commands.attention import raise_attention
from referral.commands.facility import facility_of
from referral.commands.facts import referral_facts
from referral.commands.given import as_fact, keep_facts
from referral.commands.journey import writing
from referral.commands.note import note
from referral.commands.referral import advance
from referral.intake.facts import Fact, Identifier, Identity, Intake, NotUnderstood
from referral.intake.facts import Patient as PatientRead
from referral.lifecycle import REFERRAL, AttentionKind, NoteKind, ReferralState
from referral.lifecycle.given import Asked
from referral.lifecycle.referral import MAY_BE_SENT_AGAIN, Create
from referral.rules.triage import signs_known
from referral.tables import Facility, Patient, PatientIdentifier, Referral
from referral.tables import NotUnderstood as NotUnderstoodRow
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Side

T = TypeVar("T")

SENDER_ONLY: Final = frozenset({Side.SENDER})


@dataclass(frozen=True)
class Order:
    """What is asked for, its facilities found."""

    asked: Asked
    sender: UUID
    to: Facility
    fingerprint: str | None = None
    as_of: date | None = None


async def order_of(uow: UnitOfWork, principal: Principal, asked: Asked, besides: Iterable[Reason] = ()) -> Order:
    """The order, once facilities and signs are known to be what they say.

    Raises Invalid with every reason, together with those found `besides`.
    """
    reasons = list(besides)
    place = await _tried(facility_of(uow, asked.to), reasons)
    home = await _tried(sender_of(uow, principal, asked.sender), reasons)
    known = signs_known(Rulebook.load())
    reasons.extend(
        Reason(
            code="sign-unknown",
            message=f"No record names {sign} as a sign of urgency.",
            satisfy="Use some of: " + ", ".join(sorted(known)) + ".",
            pointer=f"/signs/{position}",
        )
        for position, sign in enumerate(asked.signs)
        if sign not in known
    )
    if place is None or home is None or reasons:
        raise Invalid(f"{len(reasons)} thing{'s' * (len(reasons) != 1)} to correct.", reasons)
    return Order(asked, home, place)


async def _tried(work: Awaitable[T], reasons: list[Reason]) -> T | None:
    try:
        return await work
    except Invalid as invalid:
        reasons.extend(invalid.reasons)
        return None


async def sender_of(uow: UnitOfWork, principal: Principal, code: str | None) -> UUID:
    """The caller's facility that sends. Raises Invalid when it is not one of the caller's, or not clear which one."""
    if code is not None:
        named = await facility_of(uow, code, "/sender")
        if named.id in principal.facilities:
            return named.id
        message = f"You do not act for {code}."
    elif len(principal.facilities) == 1:
        return next(iter(principal.facilities))
    else:
        message = f"You act for {len(principal.facilities)} facilities, so say which one sends."
    raise Invalid(
        message,
        [Reason(code="sender", message=message, satisfy="Name one of your own facilities.", pointer="/sender")],
    )


async def create(uow: UnitOfWork, principal: Principal, command: Create) -> Referral:
    """Write a draft by hand. Raises Invalid, Conflict, Refused."""
    order = await order_of(uow, principal, command)
    given = command.patient
    identity = Identity(
        family=given.family,
        given=given.given,
        identifiers=tuple(Identifier(system=one.system, value=one.value) for one in given.identifiers),
        phones=given.phones,
    )
    who = PatientRead(source="typed", identity=identity, birth_date=given.birth_date, sex=given.sex)
    facts = [as_fact(one, str(principal.role)) for one in command.facts]
    referral = await _open(uow, principal, order, who, facts)
    note(uow, referral.journey, referral.id, NoteKind.REFERRAL, command.note)
    return referral


async def take_in(uow: UnitOfWork, principal: Principal, intake: Intake, order: Order) -> tuple[Referral, bool]:
    """Open and send the referral of a bundle, or find the one it opened before; True when it is new.

    Raises Conflict, Refused. The same bundle read as of another day is another reading.
    """
    read_as_of = "" if intake.as_of is None else f"@{intake.as_of}"
    order = replace(order, fingerprint=intake.fingerprint + read_as_of, as_of=intake.as_of)
    await _one_at_a_time(uow, [f"bundle {order.sender} {order.to.id} {order.fingerprint}"])
    before = await _opened_before(uow, order)
    if before is not None:
        return before, False
    referral = await _open(uow, principal, order, intake.patient, intake.facts)
    keep_not_understood(uow, referral, intake.not_understood)
    await advance(uow, referral, "send", sides=SENDER_ONLY)
    return referral, True


async def _open(
    uow: UnitOfWork, principal: Principal, order: Order, who: PatientRead, facts: Iterable[Fact]
) -> Referral:
    facts = tuple(facts)
    elsewhere = await _duplicates(uow, principal, order, who.identity.identifiers)
    referral = Referral(
        id=new_id(),
        journey=new_id(),
        state=ReferralState.DRAFT,
        patient=new_id(),
        from_facility=order.sender,
        to_facility=order.to.id,
        setting=order.asked.setting,
        reason_code=order.asked.reason_code,
        proposed_urgency=order.asked.urgency,
        signs=list(order.asked.signs),
        fingerprint=order.fingerprint,
        as_of=order.as_of,
    )
    async with writing(uow, referral.journey):
        await keep_patient(uow, referral, who)
        known = await referral_facts(uow, referral, SENDER_ONLY, facts=facts)
        begin(uow, REFERRAL, referral, "create", known, sides=SENDER_ONLY)
        await uow.session.flush()
        await keep_facts(uow, referral, facts)
        await admit(uow, referral.journey, [referral.from_facility])
        for other in elsewhere:
            await raise_attention(uow, referral, AttentionKind.POSSIBLE_DUPLICATE, other)
    return referral


async def keep_patient(uow: UnitOfWork, referral: Referral, who: PatientRead) -> None:
    """Keep who the patient is: the only place where names, numbers and addresses are written."""
    identity = who.identity
    uow.session.add(
        Patient(
            id=referral.patient,
            journey=referral.journey,
            source=who.source,
            family=identity.family,
            given=list(identity.given),
            name=identity.name,
            born=identity.born,
            birth_date=who.birth_date,
            sex=who.sex,
            language=who.language,
            phones=list(identity.phones),
            emails=list(identity.emails),
            addresses=[one.model_dump(mode="json") for one in identity.addresses],
        )
    )
    await uow.session.flush()
    for (system, value), sort in {(one.system or "", one.value): one.type for one in identity.identifiers}.items():
        uow.session.add(PatientIdentifier(patient=referral.patient, system=system, value=value, type=sort))
    await uow.session.flush()


def keep_not_understood(uow: UnitOfWork, referral: Referral, found: Iterable[NotUnderstood]) -> None:
    """Keep what a person has to look at."""
    for position, one in enumerate(found):
        uow.session.add(
            NotUnderstoodRow(
                journey=referral.journey,
                referral=referral.id,
                position=position,
                type=one.type,
                reason=one.reason,
                code=one.code,
                text=one.text,
                count=one.count,
                examples=list(one.examples),
            )
        )


async def _opened_before(uow: UnitOfWork, order: Order) -> Referral | None:
    statement = select(Referral).where(
        col(Referral.from_facility) == order.sender,
        col(Referral.to_facility) == order.to.id,
        col(Referral.fingerprint) == order.fingerprint,
        col(Referral.state).not_in(MAY_BE_SENT_AGAIN),
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def _duplicates(
    uow: UnitOfWork, principal: Principal, order: Order, identifiers: Iterable[Identifier]
) -> list[UUID]:
    """Other facilities' open referrals of this person to the same place.

    Raises Conflict, naming it, when the caller may see one: information belongs into the referral that is open, and a
    second one would be triaged, booked and reminded twice. One the caller may not see is never refused or named, since
    the answer would tell where else the patient is cared for: the receiver, who sees both, is asked to look instead.
    """
    wanted = sorted({(one.system or "", one.value) for one in identifiers})
    if not wanted:
        return []
    await _one_at_a_time(uow, [f"patient {order.to.id} {system} {value}" for system, value in wanted])
    of_person = select(col(PatientIdentifier.patient)).where(
        tuple_(col(PatientIdentifier.system), col(PatientIdentifier.value)).in_(wanted)
    )
    statement = select(col(Referral.id), visible(principal, col(Referral.journey)), col(Referral.state)).where(
        col(Referral.to_facility) == order.to.id,
        col(Referral.state).in_(list(REFERRAL.open_states)),
        col(Referral.patient).in_(of_person),
    )
    elsewhere = []
    for other, seen, state in (await uow.session.execute(statement.order_by(col(Referral.id)))).all():
        if seen:
            raise Conflict(
                "open-duplicate",
                "This person has an open referral to this facility already.",
                [
                    Reason(
                        code="open-duplicate",
                        message=f"An open referral exists; it is {state}.",
                        satisfy="Read that one; supply what is new there, or withdraw it before you refer anew.",
                    )
                ],
                existing=str(other),
            )
        if state != ReferralState.DRAFT:
            elsewhere.append(other)
    return elsewhere


async def _one_at_a_time(uow: UnitOfWork, keys: Iterable[str]) -> None:
    """Let no other transaction pass here with one of these keys until this one has ended."""
    for key in sorted(keys):
        await uow.session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
