"""What people do to an appointment: one function per action, all by the lifecycle's table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, require_visible
from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines, set_deadline
from backbone.problems import NotFound, Problem, problem_of_refusal
from backbone.transitions import begin, expect, move
from reliefpath import events
from reliefpath.envelope import Actor
from reliefpath.events import Event
from reliefpath.lifecycle import Command, ReasonKind, Refused
from reliefpath.vocabulary import Role, Side
from scheduling import NAME
from scheduling.commands.allocation import give_back, lock_resources, reserve
from scheduling.commands.facts import appointment_facts, bare_facts, sides_of
from scheduling.lifecycle import (
    APPOINTMENT,
    Cancel,
    Miss,
    Offer,
    RecordDiscussion,
    RecordHold,
    Release,
    Reschedule,
    Slot,
    Start,
    Waitlist,
)
from scheduling.rules.facts import AppointmentFacts, HoldDecision, Wanted
from scheduling.rules.holds import earliest_safe, hold_plans
from scheduling.rules.hours import QUARTER, Interval, next_quarter
from scheduling.rules.slots import FreeSlot, free_slots
from scheduling.schemas import SlotShown
from scheduling.tables import Appointment, Hold

ITSELF: Final = Actor(Role.SYSTEM, NAME)
"""Who asks for another time when one fell through: that somebody cancelled is their doing, what follows is not."""
OFFER_RUNS_OUT: Final = "offer-runs-out"
LOOK_AHEAD: Final = timedelta(days=14)
"""How far ahead of a refused slot others are looked for."""
ALTERNATIVES: Final = 5
NOT_ABOUT_THE_SLOT: Final = frozenset({ReasonKind.STATE, ReasonKind.ROLE, ReasonKind.SIDE})


@dataclass(frozen=True, slots=True)
class Change:
    """One action on one appointment, on its way: who acts from which side, and what was found out before."""

    uow: UnitOfWork
    row: Appointment
    action: str
    sides: frozenset[Side]
    facts: AppointmentFacts

    def move(self, command: Command, *said: Event, reason: str | None = None) -> None:
        """Do it, by the table. What the decision rested on is written down with it."""
        move(
            self.uow,
            APPOINTMENT,
            self.row,
            self.action,
            self.facts,
            sides=self.sides,
            command=command,
            events=said,
            reason=reason,
            rules=rules_of(self.facts),
        )


async def perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> Appointment:
    """Do an action to an appointment the caller may see.

    Raises NotFound, Stale, Conflict, or Refused with every reason; when a slot was refused, with others that are free.
    """
    row = await _visible(uow, principal, id)
    expect(row, expected)
    wanted: Wanted | None = getattr(command, "wanted", None)
    if wanted is not None:
        await lock_resources(uow, wanted.resources, row.id)
    facts = await appointment_facts(uow, row, wanted)
    change = Change(uow, row, action, sides_of(principal, row), facts)
    try:
        await ACTIONS[action](change, command)
    except Refused as refused:
        if wanted is None or any(reason.kind in NOT_ABOUT_THE_SLOT for reason in refused.reasons):
            raise
        raise await _with_alternatives(change, wanted, refused) from refused
    await uow.session.flush()
    return row


async def lapse_offer(uow: UnitOfWork, id: UUID) -> None:
    """Nobody answered in time: the offered slot is given back. Answered meanwhile, nothing changes."""
    row = await uow.session.get(Appointment, id)
    if row is None or row.state not in APPOINTMENT["release"].sources:
        return
    change = Change(uow, row, "release", frozenset(Side), bare_facts(row, uow.now))
    await _release(change, Release(reason_code="no-answer"))


def rules_of(facts: AppointmentFacts) -> tuple[str, ...]:
    """The records that what is done to this appointment rests on."""
    own = (facts.modality.ref,) if facts.modality is not None else ()
    return (*own, *sorted({rule for plan in hold_plans(facts) for rule in plan.rules}))


def about(row: Appointment) -> dict[str, Any]:
    """What every event says of an appointment."""
    return {"appointment": row.id, "referral": row.referral, "purpose": row.purpose, "course": row.course}


def requested(row: Appointment) -> events.AppointmentRequested:
    """The event that a time has to be found."""
    return events.AppointmentRequested(
        **about(row), facility=row.facility, modality=row.modality, replaces=row.replaces
    )


def shown_slot(slot: FreeSlot) -> SlotShown:
    """A free slot in the form in which it is booked."""
    return SlotShown(
        starts_at=slot.interval.start,
        ends_at=slot.interval.end,
        minutes=int(slot.interval.length.total_seconds() // 60),
        resources=[one.id for one in slot.resources],
        codes=[one.code for one in slot.resources],
    )


async def find_slots(
    uow: UnitOfWork, row: Appointment, length: timedelta, within: Interval, most: int
) -> tuple[FreeSlot, ...]:
    """Slots that can be had within a time.

    They are safe after what was decided on drugs, covered by the authorisation, and not so soon that they are over
    before they can be booked.
    """
    facts = await appointment_facts(uow, row, within=Interval(within.start - length, within.end + length))
    start = next_quarter(max(within.start, uow.now + QUARTER, earliest_safe(facts) or uow.now))
    end = within.end if facts.valid_until is None else min(within.end, facts.valid_until + length)
    return free_slots(facts, length, Interval(start, end), most) if start < end else ()


async def _visible(uow: UnitOfWork, principal: Principal, id: UUID) -> Appointment:
    journey = await uow.session.scalar(select(col(Appointment.journey)).where(col(Appointment.id) == id))
    if journey is None:
        raise NotFound("appointment")
    await require_visible(uow, principal, journey, "appointment")
    await uow.lock(journey)
    return await uow.session.get_one(Appointment, id)


async def _with_alternatives(change: Change, wanted: Wanted, refused: Refused) -> Problem:
    within = Interval(wanted.interval.start, wanted.interval.start + LOOK_AHEAD)
    found = await find_slots(change.uow, change.row, wanted.interval.length, within, ALTERNATIVES)
    problem = problem_of_refusal(refused)
    problem.more["alternatives"] = [shown_slot(one).model_dump(mode="json") for one in found]
    return problem


async def _waitlist(change: Change, command: Waitlist) -> None:
    said = events.AppointmentWaitlisted(**about(change.row))
    change.move(command, said, reason=command.reason_code)


async def _offer(change: Change, command: Offer) -> None:
    uow, row, slot = change.uow, change.row, command.interval
    wait = change.facts.rulebook.operation("OPS-OFFER-ANSWER").wait.longest
    answer_by = command.answer_by or min(uow.now + wait, slot.start)
    said = events.AppointmentOffered(**about(row), starts_at=slot.start, ends_at=slot.end, answer_by=answer_by)
    change.move(command, said)
    row.answer_by = answer_by
    await _occupy(change, command)
    await set_deadline(uow, OFFER_RUNS_OUT, journey=row.journey, subject=row.id, due_at=answer_by)


async def _accept(change: Change, command: Command) -> None:
    change.move(command, _booked(change.row, change.facts.slot))
    await _answered(change)


async def _release(change: Change, command: Release) -> None:
    row = change.row
    change.move(command, requested(row), reason=command.reason_code)
    row.starts_at = row.ends_at = row.variant = None
    await _answered(change)
    await give_back(change.uow, row.id)


async def _book(change: Change, command: Slot) -> None:
    change.move(command, _booked(change.row, command.interval))
    await _occupy(change, command)
    await _answered(change)


async def _confirm(change: Change, command: Command) -> None:
    change.move(command, events.AppointmentConfirmed(**about(change.row)))


async def _arrive(change: Change, command: Command) -> None:
    change.move(command, events.PatientArrived(**about(change.row)))


async def _start(change: Change, command: Start) -> None:
    change.move(command, events.AppointmentStarted(**about(change.row)))
    for plan in hold_plans(change.facts):
        if plan.decision is not None and plan.still_needs:
            confirmed = plan.decision.confirmed | set(plan.still_needs)
            change.uow.session.add(_decided(change, replace(plan.decision, confirmed=confirmed)))


async def _fulfil(change: Change, command: Command) -> None:
    row = change.row
    change.move(command, events.AppointmentFulfilled(**about(row), facility=row.facility, ended_at=change.uow.now))


async def _cancel(change: Change, command: Cancel) -> None:
    row, by = change.row, change.uow.actor.role
    successor = successor_of(row) if command.still_wanted else None
    said = events.AppointmentCancelled(
        **about(row), by=by, reason_code=command.reason_code, successor=successor.id if successor else None
    )
    change.move(command, said, reason=command.reason_code)
    row.cancelled_by, row.reason_code = by, command.reason_code
    await _end(change)
    if successor is not None:
        _request_again(change.uow, successor)


async def _miss(change: Change, command: Miss) -> None:
    successor = successor_of(change.row)
    said = events.AppointmentMissed(**about(change.row), successor=successor.id)
    change.move(command, said, reason=command.reason_code)
    change.row.reason_code = command.reason_code
    await _end(change)
    _request_again(change.uow, successor)


async def _reschedule(change: Change, command: Reschedule) -> None:
    uow, row = change.uow, change.row
    successor = successor_of(row)
    successor.variant = row.variant  # it is the same procedure, and its holds move with it
    said = events.AppointmentRescheduled(**about(row), successor=successor.id, reason_code=command.reason_code)
    change.move(command, said, reason=command.reason_code)
    row.reason_code = command.reason_code
    await _end(change)
    _request_again(uow, successor)
    for decision in change.facts.decisions.values():
        uow.session.add(_decided(replace(change, row=successor), decision))
    if command.to is not None:
        await uow.session.flush()
        facts = await appointment_facts(uow, successor, command.to.wanted)
        await _book(Change(uow, successor, "book", change.sides, facts), command.to)


async def _record_hold(change: Change, command: RecordHold) -> None:
    decision = HoldDecision(
        drug=command.drug,
        held=True,
        last_dose_at=command.last_dose_at,
        form=command.form,
        renal_impairment=command.renal_impairment,
        confirmed=frozenset(command.confirmed),
    )
    _decide(change, command, decision, command.reason_code)


async def _record_discussion(change: Change, command: RecordDiscussion) -> None:
    decision = HoldDecision(drug=command.drug, held=False, not_before=command.not_before)
    _decide(change, command, decision, command.reason_code)


def _decide(change: Change, command: Command, decision: HoldDecision, reason: str | None) -> None:
    row = change.row
    change.move(command, reason=reason)
    if decision.drug not in row.antithrombotics:
        row.antithrombotics = [*row.antithrombotics, decision.drug]
    change.uow.session.add(_decided(change, decision, reason))


def _decided(change: Change, decision: HoldDecision, reason: str | None = None) -> Hold:
    return Hold(
        appointment=change.row.id,
        drug=decision.drug,
        held=decision.held,
        last_dose_at=decision.last_dose_at,
        not_before=decision.not_before,
        form=decision.form,
        renal_impairment=decision.renal_impairment,
        confirmed=sorted(decision.confirmed),
        reason_code=reason,
        decided_at=change.uow.now,
        decided_by=str(change.uow.actor),
    )


def _booked(row: Appointment, slot: Interval | None) -> events.AppointmentBooked:
    if slot is None:
        raise ValueError(f"the appointment {row.id} holds no time")
    return events.AppointmentBooked(**about(row), facility=row.facility, starts_at=slot.start, ends_at=slot.end)


async def _occupy(change: Change, slot: Slot) -> None:
    """Put the slot in the appointment's row and reserve its resources, in place of those it held before."""
    row = change.row
    row.starts_at, row.ends_at, row.variant = slot.interval.start, slot.interval.end, slot.variant or row.variant
    await give_back(change.uow, row.id)
    await reserve(change.uow, row.id, slot.resources, slot.interval)


async def _answered(change: Change) -> None:
    change.row.answer_by = None
    await cancel_deadlines(change.uow, subject=change.row.id, kind=OFFER_RUNS_OUT)


async def _end(change: Change) -> None:
    """Give back what it holds, before anything else takes its place."""
    await _answered(change)
    await give_back(change.uow, change.row.id)
    await change.uow.session.flush()


def successor_of(row: Appointment) -> Appointment:
    """The appointment that takes this one's place: for the same visit, under the same promise of when."""
    kept = row.model_dump(
        include={
            "journey", "referral", "purpose", "course", "kind", "modality", "facility", "urgency", "setting",
            "antithrombotics", "valid_until", "see_by",
        }
    )  # fmt: skip
    return Appointment(**kept, state=APPOINTMENT["request"].target, replaces=row.id)


def _request_again(uow: UnitOfWork, row: Appointment) -> None:
    with uow.acting(ITSELF):
        begin(uow, APPOINTMENT, row, "request", bare_facts(row, uow.now), events=[requested(row)])


Act = Callable[[Change, Any], Awaitable[None]]

ACTIONS: Final[Mapping[str, Act]] = {
    "waitlist": _waitlist,
    "offer": _offer,
    "accept": _accept,
    "release": _release,
    "book": _book,
    "confirm": _confirm,
    "arrive": _arrive,
    "start": _start,
    "fulfil": _fulfil,
    "reschedule": _reschedule,
    "cancel": _cancel,
    "miss": _miss,
    "record-hold": _record_hold,
    "record-discussion": _record_discussion,
}
"""What is done for each action a person may take. A test keeps it equal to the table."""
