"""One handover: offered by the hospital side, answered by a home team, active until it is given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, admit, facilities_on, require_visible
from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines, set_deadline
from backbone.problems import NotFound
from backbone.rows import new_id
from backbone.transitions import begin, expect, move
from followup.commands.journey import ITSELF
from followup.commands.remark import remark
from followup.lifecycle import HANDOVER, OBSERVATION, HandoverState
from followup.lifecycle import handover as actions
from followup.rules.handover import HandoverFacts, Team, answer_by
from followup.tables import Facility, Handover, Journey, Observation
from reliefpath import events
from reliefpath.events import Event
from reliefpath.lifecycle import Command
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FacilityKind, Side, facility_id
from reliefpath.wording import Because

ANSWER: Final = "handover-answer"
DECLINED: Final = frozenset({HandoverState.REFUSED, HandoverState.TIMED_OUT})


def facts_of(uow: UnitOfWork, row: Handover) -> HandoverFacts:
    """The facts of a handover that has been offered."""
    return HandoverFacts(state=HandoverState(row.state), now=uow.now, rulebook=Rulebook.load())


def sides_of(row: Handover, principal: Principal) -> frozenset[Side]:
    """The ends of a handover on which the caller's facilities stand."""
    sides = set()
    if row.from_facility in principal.facilities:
        sides.add(Side.SENDER)
    if row.to_facility in principal.facilities:
        sides.add(Side.RECEIVER)
    return frozenset(sides)


async def offer(uow: UnitOfWork, principal: Principal, command: actions.Offer) -> Handover:
    """Ask a home team to take a patient over, and let it see the journey. Raises NotFound, Refused."""
    await require_visible(uow, principal, command.journey, "journey")
    await uow.lock(command.journey)
    journey = await uow.session.get(Journey, command.journey)
    facts = await _facts_of_offer(uow, command, journey)
    row = Handover(
        id=new_id(),
        journey=command.journey,
        state=HandoverState.OFFERED,
        referral=journey.referral if journey is not None else command.journey,
        from_facility=await _sender(uow, principal, command.journey, journey),
        to_facility=facility_id(command.to),
        follows=command.follows,
        answer_by=answer_by(uow.now, facts.rulebook),
    )
    said = _about(
        events.HandoverOffered,
        row,
        from_facility=row.from_facility,
        answer_by=row.answer_by,
        follows=row.follows,
    )
    begin(uow, HANDOVER, row, "offer", facts, command=command, events=[said])
    await uow.session.flush()
    remark(uow, row, "offer", command.note)
    remark(uow, row, "offer-despite", command.despite)
    await admit(uow, row.journey, [row.to_facility])
    await set_deadline(uow, ANSWER, journey=row.journey, subject=row.id, due_at=row.answer_by)
    return row


def time_out(uow: UnitOfWork, row: Handover) -> None:
    """The team did not answer; a coordinator has to act."""
    if row.state != HandoverState.OFFERED:
        return
    with uow.acting(ITSELF):
        move(uow, HANDOVER, row, "time-out", facts_of(uow, row), events=[_about(events.HandoverTimedOut, row)])


async def end(uow: UnitOfWork, journey: UUID, reason_code: str) -> None:
    """End whatever handover of a journey is open, because something else closed it."""
    with uow.acting(ITSELF):
        for row in await open_handovers(uow, journey):
            row.reason_code = reason_code
            move(
                uow,
                HANDOVER,
                row,
                "end",
                facts_of(uow, row),
                command=Because(reason_code=reason_code),
                events=[_about(events.HandoverEnded, row, reason_code=reason_code)],
                reason=reason_code,
            )
            await cancel_deadlines(uow, subject=row.id)


async def open_handovers(uow: UnitOfWork, journey: UUID) -> list[Handover]:
    """The handovers of a journey that have not come to an end: one at most."""
    statement = select(Handover).where(
        col(Handover.journey) == journey, col(Handover.state).in_(list(HANDOVER.open_states))
    )
    return list((await uow.session.execute(statement)).scalars())


async def perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> Handover:
    """Do one action for a person. Raises NotFound, Stale, Refused."""
    journey = await uow.session.scalar(select(col(Handover.journey)).where(col(Handover.id) == id))
    if journey is None:
        raise NotFound("handover")
    await require_visible(uow, principal, journey, "handover")
    await uow.lock(journey)
    row = await uow.session.get_one(Handover, id)
    expect(row, expected)
    move(
        uow,
        HANDOVER,
        row,
        action,
        facts_of(uow, row),
        sides=sides_of(row, principal),
        command=command,
        events=lambda: EFFECTS[action](row, command),
        reason=getattr(command, "reason_code", None),
    )
    remark(uow, row, action, getattr(command, "note", None))
    await cancel_deadlines(uow, subject=row.id)
    return row


async def _facts_of_offer(uow: UnitOfWork, command: actions.Offer, journey: Journey | None) -> HandoverFacts:
    facility = await uow.session.get(Facility, facility_id(command.to))
    before = None if command.follows is None else await uow.session.get(Handover, command.follows)
    if before is not None and before.journey != command.journey:
        before = None
    return HandoverFacts(
        state=HandoverState.OFFERED,
        now=uow.now,
        rulebook=Rulebook.load(),
        journey_is_open=None if journey is None else journey.closed_because is None,
        another_is_open=bool(await open_handovers(uow, command.journey)),
        team=None if facility is None else _team(facility),
        modalities=await _watched(uow, command.journey),
        follows_another=command.follows is not None,
        predecessor_was_declined=None if before is None else before.state in DECLINED,
    )


async def _watched(uow: UnitOfWork, journey: UUID) -> tuple[str, ...]:
    """The modalities that were performed on the patient and are still being watched."""
    statement = select(col(Observation.modality)).where(
        col(Observation.journey) == journey,
        col(Observation.state).in_(list(OBSERVATION.open_states)),
        col(Observation.performed_at).is_not(None),
    )
    return tuple(sorted(set((await uow.session.execute(statement)).scalars())))


async def _sender(uow: UnitOfWork, principal: Principal, id: UUID, journey: Journey | None) -> UUID:
    """The caller's facility that hands over: the referral's receiver before its sender before any other."""
    own = principal.facilities & await facilities_on(uow, id)
    sides = [] if journey is None else [journey.to_facility, journey.from_facility]
    found = next((one for one in [*sides, *sorted(own)] if one in own), None)
    if found is None:
        raise NotFound("journey")
    return found


def _team(facility: Facility) -> Team:
    return Team(
        code=facility.code,
        kind=FacilityKind(facility.kind),
        accepting=facility.accepting,
        capabilities=frozenset(facility.capabilities),
    )


def _accept(row: Handover, command: actions.Remark) -> Iterator[Event]:
    yield _about(events.HandoverAccepted, row)


def _refuse(row: Handover, command: Because) -> Iterator[Event]:
    row.reason_code = command.reason_code
    yield _about(events.HandoverRefused, row, reason_code=command.reason_code)


def _activate(row: Handover, command: actions.Remark) -> Iterator[Event]:
    yield _about(events.HandoverActivated, row)


def _give_back(row: Handover, command: actions.GiveBack) -> Iterator[Event]:
    row.setting, row.reason_code = command.setting, command.reason_code
    yield _about(events.HandoverReturned, row, setting=command.setting, reason_code=command.reason_code)


def _end_it(row: Handover, command: Because) -> Iterator[Event]:
    row.reason_code = command.reason_code
    yield _about(events.HandoverEnded, row, reason_code=command.reason_code)


EFFECTS: Final[dict[str, Callable[[Handover, Any], Iterator[Event]]]] = {
    "accept": _accept,
    "refuse": _refuse,
    "activate": _activate,
    "return": _give_back,
    "end": _end_it,
}
"""What each action of a person writes and says, once it is decided."""


def _about(event: type[events.AboutHandover], row: Handover, **more: Any) -> events.AboutHandover:
    return event(handover=row.id, referral=row.referral, to_facility=row.to_facility, **more)
