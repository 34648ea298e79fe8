"""One action on one referral, by a person or by the service itself: lock, expect, facts, move, write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, admit, require_visible
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from backbone.rows import new_id
from backbone.transitions import begin, expect, move
from referral.commands.closing import keep_clocks, wind_down
from referral.commands.facility import facility_of
from referral.commands.facts import known_of, referral_facts, sides_of
from referral.commands.given import keep_given
from referral.commands.journey import ITSELF, writing
from referral.commands.note import note
from referral.intake.facts import Fact
from referral.lifecycle import REFERRAL, NoteKind, ReferralState
from referral.lifecycle import referral as actions
from referral.rules.referral import ReferralFacts
from referral.rules.triage import antithrombotics
from referral.tables import Assessment, Conference, Facility, Patient, Referral
from reliefpath import events
from reliefpath.events import Event
from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Setting, Side, Urgency

RESTARTS_THE_WAIT: Final = frozenset({"supply-information", "resume", "refuse-cancellation", "reopen"})
"""After these the receiver's wait begins anew, as it could not act before. The first clock is kept all the same."""


@dataclass
class Step:
    """One action about to be done: the row, what is wanted, and everything that was looked at."""

    uow: UnitOfWork
    referral: Referral
    command: Any
    facts: ReferralFacts
    known: tuple[Fact, ...]
    patient: Patient
    came_from: str
    destination: Facility | None = None
    child: Referral | None = None

    def note(self, kind: NoteKind, text: str | None) -> None:
        """Keep what the actor wrote."""
        note(self.uow, self.referral.journey, self.referral.id, kind, text)


async def find(uow: UnitOfWork, principal: Principal, id: UUID) -> Referral:
    """The referral, its journey locked. Raises NotFound when there is none, or none the caller may see."""
    journey = await uow.session.scalar(select(col(Referral.journey)).where(col(Referral.id) == id))
    if journey is None:
        raise NotFound("referral")
    await require_visible(uow, principal, journey, "referral")
    await uow.lock(journey)
    return await uow.session.get_one(Referral, id)


async def perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> Referral:
    """Do one action for a person. Raises NotFound, Stale, Invalid, Refused."""
    referral = await find(uow, principal, id)
    expect(referral, expected)
    await advance(uow, referral, action, command, sides_of(referral, principal))
    return referral


async def advance(
    uow: UnitOfWork,
    referral: Referral,
    action: str,
    command: Command | None = None,
    sides: frozenset[Side] = frozenset(),
) -> None:
    """Do one action, and everything that follows from it in this service, in the journey's own order."""
    async with writing(uow, referral.journey):
        if action == "reopen":
            referral.fingerprint = None  # meanwhile its bundle may have opened another referral
        step = await _prepare(uow, referral, command, sides)
        move(
            uow,
            REFERRAL,
            referral,
            action,
            step.facts,
            sides=sides,
            command=command,
            events=lambda: EFFECTS[action](step),
            reason=getattr(command, "reason_code", None),
            rules=_rules(step, action),
        )
        await uow.session.flush()
        await _follow(step, action)


async def _prepare(uow: UnitOfWork, referral: Referral, command: Command | None, sides: frozenset[Side]) -> Step:
    known = await known_of(uow, referral.journey)
    destination = None
    if isinstance(command, actions.Redirect):
        destination = await facility_of(uow, command.to)
    return Step(
        uow=uow,
        referral=referral,
        command=command,
        facts=await referral_facts(uow, referral, sides, facts=known, destination=destination),
        known=known,
        patient=await uow.session.get_one(Patient, referral.patient),
        came_from=referral.state,
        destination=destination,
    )


async def _follow(step: Step, action: str) -> None:
    uow, referral = step.uow, step.referral
    if action == "send":
        await admit(uow, referral.journey, [referral.from_facility, referral.to_facility])
    if action == "redirect":
        await _continue_elsewhere(step)
    elif referral.state in REFERRAL.terminal:
        referral.closed_at = uow.now
        await wind_down(uow, referral, "patient-died" if action == "record-death" else f"referral-{referral.state}")
    else:
        restarted = action in RESTARTS_THE_WAIT or referral.clock_started_at is None
        await keep_clocks(uow, referral, since=uow.now if restarted else referral.clock_started_at)


async def _continue_elsewhere(step: Step) -> None:
    """The child goes on in the same journey, at the other facility, under the first clock."""
    uow, parent, child = step.uow, step.referral, step.child
    if child is None:
        raise RuntimeError("a redirected referral has a child")
    parent.closed_at = uow.now
    await wind_down(uow, parent, "referral-redirected")
    with uow.acting(ITSELF):
        begin(
            uow,
            REFERRAL,
            child,
            "continue-elsewhere",
            step.facts,
            events=[requested(child, step.facts)],
            rules=_rules(step, "send"),
        )
    await uow.session.flush()
    await admit(uow, child.journey, [child.to_facility])
    await keep_clocks(uow, child, since=child.clock_started_at)


def requested(referral: Referral, facts: ReferralFacts) -> events.ReferralRequested:
    """What the receiving side is told of a new referral: codes only."""
    if referral.clock_started_at is None:
        raise RuntimeError("a referral that is sent has a clock")
    return events.ReferralRequested(
        referral=referral.id,
        from_facility=referral.from_facility,
        to_facility=referral.to_facility,
        setting=Setting(referral.setting),
        clock_started_at=referral.clock_started_at,
        proposed_urgency=None if referral.proposed_urgency is None else Urgency(referral.proposed_urgency),
        reason_code=referral.reason_code,
        missing=tuple(finding.code for finding in facts.missing),
        parent=referral.parent,
    )


def _rules(step: Step, action: str) -> tuple[str, ...]:
    """The records that a decision on urgency rested on."""
    if action not in ("send", "accept"):
        return ()
    proposed = () if step.facts.proposal is None else step.facts.proposal.rules
    return tuple(dict.fromkeys([*proposed, *(rule for finding in step.facts.missing for rule in finding.rules)]))


def _send(step: Step) -> Iterator[Event]:
    referral, proposal = step.referral, step.facts.proposal
    referral.clock_started_at = referral.clock_started_at or step.uow.now
    wished = None if referral.proposed_urgency is None else Urgency(referral.proposed_urgency)
    referral.proposed_urgency = more_urgent(wished, None if proposal is None else proposal.urgency)
    yield requested(referral, step.facts)


def more_urgent(*proposed: Urgency | None) -> Urgency | None:
    """The most urgent of what the sender wished and the records propose."""
    return min((one for one in proposed if one is not None), key=list(Urgency).index, default=None)


def _receive(step: Step) -> Iterator[Event]:
    yield events.ReferralReceived(referral=step.referral.id)


def _accept(step: Step) -> Iterator[Event]:
    referral = step.referral
    referral.urgency = step.command.urgency
    step.note(NoteKind.OVERRIDE, step.command.override_reason)
    yield events.ReferralAccepted(
        referral=referral.id,
        from_facility=referral.from_facility,
        to_facility=referral.to_facility,
        urgency=step.command.urgency,
        setting=Setting(referral.setting),
        antithrombotics=antithrombotics(step.known),
    )


def _decline(step: Step) -> Iterator[Event]:
    step.note(NoteKind.ADVICE, step.command.advice)
    yield events.ReferralDeclined(referral=step.referral.id, reason_code=step.command.reason_code)


def _ask_information(step: Step) -> Iterator[Event]:
    step.referral.asked_items = list(step.command.items)
    step.note(NoteKind.QUESTION, step.command.question)
    yield events.InformationRequested(referral=step.referral.id, items=step.command.items)


def _supply_information(step: Step) -> Iterator[Event]:
    step.referral.asked_items = []
    step.note(NoteKind.ANSWER, step.command.answer)
    keep_given(step.uow, step.referral, step.command.facts)
    yield events.InformationSupplied(referral=step.referral.id, items=step.command.items)


def _redirect(step: Step) -> Iterator[Event]:
    parent, destination = step.referral, step.destination
    if destination is None:
        raise RuntimeError("a redirection goes somewhere")
    step.note(NoteKind.REASON, step.command.note)
    step.child = Referral(
        id=new_id(),
        journey=parent.journey,
        state=ReferralState.REQUESTED,
        patient=parent.patient,
        from_facility=parent.from_facility,
        to_facility=destination.id,
        parent=parent.id,
        setting=parent.setting,
        reason_code=parent.reason_code,
        proposed_urgency=parent.proposed_urgency,
        signs=list(parent.signs),
        clock_started_at=parent.clock_started_at,
        as_of=parent.as_of,
    )
    yield events.ReferralRedirected(
        referral=parent.id,
        child=step.child.id,
        to_facility=destination.id,
        reason_code=step.command.reason_code,
    )


def _hold(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    yield events.ReferralHeld(referral=step.referral.id, reason_code=step.command.reason_code)


def _resume(step: Step) -> Iterator[Event]:
    yield events.ReferralResumed(referral=step.referral.id)


def _withdraw(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    if step.came_from != ReferralState.DRAFT:  # nobody was told of a draft
        yield events.ReferralWithdrawn(referral=step.referral.id, reason_code=step.command.reason_code)


def _request_cancellation(step: Step) -> Iterator[Event]:
    step.referral.cancellation_by = Side.SENDER if Side.SENDER in step.facts.sides else Side.RECEIVER
    step.note(NoteKind.REASON, step.command.note)
    yield events.CancellationRequested(referral=step.referral.id, reason_code=step.command.reason_code)


def _confirm_cancellation(step: Step) -> Iterator[Event]:
    step.referral.cancellation_by = None
    yield events.ReferralCancelled(referral=step.referral.id)


def _refuse_cancellation(step: Step) -> Iterator[Event]:
    step.referral.cancellation_by = None
    step.note(NoteKind.REASON, step.command.note)
    yield events.CancellationRefused(referral=step.referral.id, reason_code=step.command.reason_code)


def _assess(step: Step) -> Iterator[Event]:
    command: actions.Assess = step.command
    step.uow.session.add(
        Assessment(
            journey=step.referral.journey,
            referral=step.referral.id,
            average_pain=command.average_pain,
            worst_pain=command.worst_pain,
            personal_pain_goal=command.personal_pain_goal,
            setting=command.setting,
            goal=command.goal,
            recorded_by=step.uow.actor.subject,
            recorded_at=step.uow.now,
        )
    )
    step.note(NoteKind.ASSESSMENT, command.note)
    yield events.AssessmentRecorded(
        referral=step.referral.id,
        average_pain=command.average_pain,
        worst_pain=command.worst_pain,
        personal_pain_goal=command.personal_pain_goal,
        setting=command.setting,
    )


def _confer(step: Step) -> Iterator[Event]:
    command: actions.Confer = step.command
    step.uow.session.add(
        Conference(
            journey=step.referral.journey,
            referral=step.referral.id,
            attendance=list(command.attendance),
            options=list(command.options),
            recommended=list(command.recommended),
            dissent=command.dissent is not None,
            recorded_by=step.uow.actor.subject,
            recorded_at=step.uow.now,
        )
    )
    step.note(NoteKind.CONFERENCE, command.note)
    step.note(NoteKind.DISSENT, command.dissent)
    yield events.ConferenceHeld(
        referral=step.referral.id, recommended=command.recommended, dissent=command.dissent is not None
    )


def _complete(step: Step) -> Iterator[Event]:
    step.note(NoteKind.CLOSING_REPORT, step.command.report)
    yield events.ReferralCompleted(referral=step.referral.id)


def _expire(step: Step) -> Iterator[Event]:
    yield events.ReferralExpired(referral=step.referral.id)


def _enter_in_error(step: Step) -> Iterator[Event]:
    step.note(NoteKind.REASON, step.command.note)
    if step.facts.was_sent:  # nobody was told of a draft
        yield events.ReferralEnteredInError(referral=step.referral.id, reason_code=step.command.reason_code)


def _record_death(step: Step) -> Iterator[Event]:
    day = step.command.died_on
    step.patient.died, step.patient.died_on = True, day
    if step.facts.was_sent:
        at = None if day is None else datetime.combine(day, time(), UTC)
        yield events.PatientDied(referral=step.referral.id, died_on=at)


def _reopen(step: Step) -> Iterator[Event]:
    step.referral.closed_at = None
    step.note(NoteKind.REASON, step.command.note)
    yield events.ReferralReopened(referral=step.referral.id, reason_code=step.command.reason_code)


EFFECTS: Final[dict[str, Callable[[Step], Iterator[Event]]]] = {
    "send": _send,
    "receive": _receive,
    "accept": _accept,
    "decline": _decline,
    "ask-information": _ask_information,
    "supply-information": _supply_information,
    "redirect": _redirect,
    "hold": _hold,
    "resume": _resume,
    "withdraw": _withdraw,
    "request-cancellation": _request_cancellation,
    "confirm-cancellation": _confirm_cancellation,
    "refuse-cancellation": _refuse_cancellation,
    "assess": _assess,
    "confer": _confer,
    "complete": _complete,
    "expire": _expire,
    "enter-in-error": _enter_in_error,
    "record-death": _record_death,
    "reopen": _reopen,
}
"""What each action writes and says, once it is decided."""
