"""The worklist: the referrals a caller's facilities have a part in, those that need a hand now first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlmodel import col

from backbone.access import Principal, visible
from backbone.database import UnitOfWork
from backbone.paging import keyset
from referral.lifecycle import REFERRAL, AttentionState, ReferralState
from referral.queries.facility import named
from referral.schemas import ReferralListed
from referral.tables import Attention, Journey, Patient, Referral
from reliefpath.vocabulary import Side, Urgency

S = ReferralState

OWED_BY_RECEIVER: Final = (S.REQUESTED, S.RECEIVED)
OWED_BY_SENDER: Final = (S.DRAFT, S.AWAITING_INFORMATION)

URGENCY_UNKNOWN: Final = list(Urgency).index(Urgency.SOON)
"""Where a referral of unknown urgency stands in the order: nobody can say that it may wait."""

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)

KINDS: Final = (int, int, datetime, UUID)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which referrals are wanted: all, or those in some states, of some urgencies, or that need a hand."""

    states: Sequence[ReferralState] = ()
    urgencies: Sequence[Urgency] = ()
    needs_a_hand: bool | None = None


async def worklist(
    uow: UnitOfWork, principal: Principal, wanted: Wanted, cursor: str | None, limit: int
) -> tuple[list[ReferralListed], list[tuple[Any, ...]]]:
    """One page of referrals and one more, each with its place in the order.

    First what an attention asks the caller's hand for, then what waits for an answer of theirs, then what others have
    to do, then what is closed; in each the more urgent first, then what has waited longest by its first clock.
    """
    hand, urgency, last = _hand(principal), _urgency(), cast(ColumnElement[UUID], col(Referral.id))
    waiting = func.coalesce(col(Referral.clock_started_at), literal(NEVER))
    statement: Any = (
        select(Referral, Patient, col(Journey.stage), hand, urgency, waiting)
        .join(Patient, col(Patient.id) == col(Referral.patient))
        .outerjoin(Journey, col(Journey.id) == col(Referral.journey))
        .where(visible(principal, col(Referral.journey)), _not_anothers_draft(principal))
    )
    if wanted.states:
        statement = statement.where(col(Referral.state).in_(list(wanted.states)))
    if wanted.urgencies:
        said = func.coalesce(col(Referral.urgency), col(Referral.proposed_urgency))
        statement = statement.where(said.in_(list(wanted.urgencies)))
    if wanted.needs_a_hand is not None:
        statement = statement.where(hand <= 1 if wanted.needs_a_hand else hand > 1)
    page = keyset(statement, [hand, urgency, waiting, last], KINDS, cursor, limit)
    found = (await uow.session.execute(page)).all()
    kinds = await _attentions(uow, principal, [row[0].id for row in found])
    sides = await named(uow, [one for row in found for one in (row[0].from_facility, row[0].to_facility)])
    listed = [
        ReferralListed.model_validate(
            referral.model_dump()
            | patient.model_dump(include={"family", "given", "birth_date"})
            | {
                "stage": stage,
                "from_facility": sides[referral.from_facility],
                "to_facility": sides[referral.to_facility],
                "hand": [*kinds[referral.id], *_owed(referral, principal)],
            }
        )
        for referral, patient, stage, *_ in found
    ]
    places = [(row[3], row[4], row[5], row[0].id) for row in found]
    return listed, places


def _hand(principal: Principal) -> ColumnElement[int]:
    """0 an attention asks the caller's hand, 1 an answer of the caller is owed, 2 others have to act, 3 closed."""
    mine = list(principal.facilities)
    asked = exists().where(
        col(Attention.referral) == col(Referral.id),
        col(Attention.state) == AttentionState.OPEN,
        col(Attention.facility).in_(mine),
    )
    owed = or_(
        and_(col(Referral.to_facility).in_(mine), col(Referral.state).in_(list(OWED_BY_RECEIVER))),
        and_(col(Referral.from_facility).in_(mine), col(Referral.state).in_(list(OWED_BY_SENDER))),
        and_(
            col(Referral.state) == S.CANCELLATION_REQUESTED,
            case(
                (col(Referral.cancellation_by) == Side.SENDER, col(Referral.to_facility)),
                else_=col(Referral.from_facility),
            ).in_(mine),
        ),
    )
    closed = col(Referral.state).in_(list(REFERRAL.terminal))
    return case((asked, 0), (owed, 1), (closed, 3), else_=2)


def _urgency() -> ColumnElement[int]:
    said = func.coalesce(col(Referral.urgency), col(Referral.proposed_urgency))
    return case(*((said == level, rank) for rank, level in enumerate(Urgency)), else_=URGENCY_UNKNOWN)


def _owed(referral: Referral, principal: Principal) -> list[str]:
    """Why an answer of the caller's is owed, as a code."""
    sends, receives = referral.from_facility in principal.facilities, referral.to_facility in principal.facilities
    answers = sends if referral.cancellation_by == Side.RECEIVER else receives
    if receives and referral.state in OWED_BY_RECEIVER:
        return ["to_receive" if referral.state == S.REQUESTED else "to_decide"]
    if sends and referral.state in OWED_BY_SENDER:
        return ["to_send" if referral.state == S.DRAFT else "to_supply_information"]
    return ["to_answer_cancellation"] if answers and referral.state == S.CANCELLATION_REQUESTED else []


def _not_anothers_draft(principal: Principal) -> ColumnElement[bool]:
    return or_(col(Referral.state) != S.DRAFT, col(Referral.from_facility).in_(list(principal.facilities)))


async def _attentions(uow: UnitOfWork, principal: Principal, referrals: Sequence[UUID]) -> dict[UUID, list[str]]:
    found = await uow.session.execute(
        select(col(Attention.referral), col(Attention.kind))
        .where(
            col(Attention.referral).in_(referrals),
            col(Attention.state) == AttentionState.OPEN,
            col(Attention.facility).in_(list(principal.facilities)),
        )
        .order_by(col(Attention.id))
    )
    kinds: dict[UUID, list[str]] = defaultdict(list)
    for referral, kind in found.all():
        kinds[referral].append(kind)
    return kinds
