"""One check-in: asked for, answered, missed, given up or done without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, require_visible
from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines, set_deadline
from backbone.problems import NotFound
from backbone.transitions import expect, move
from followup.commands.journey import ITSELF
from followup.commands.observation import settle
from followup.commands.remark import remark
from followup.commands.series import UNANSWERED, facts_of
from followup.lifecycle import CHECK_IN, CheckInState
from followup.lifecycle import check_in as actions
from followup.rules.check_in import tries_are_left
from followup.rules.contacts import answer_by
from followup.tables import CheckIn, Observation
from reliefpath import events
from reliefpath.events import Event
from reliefpath.lifecycle import Command
from reliefpath.rulebook import Rulebook
from reliefpath.wording import Because


async def fall_due(uow: UnitOfWork, row: CheckIn) -> None:
    """Ask now; an answer is awaited as long as the records give."""
    if row.state != CheckInState.SCHEDULED:
        return
    row.answer_by = answer_by(uow.now, row.latest_at, Rulebook.load())
    with uow.acting(ITSELF):
        move(uow, CHECK_IN, row, "fall-due", facts_of(uow, row), events=[_about(events.CheckInDue, row)])
    await set_deadline(uow, UNANSWERED, journey=row.journey, subject=row.id, due_at=row.answer_by)


async def go_unanswered(uow: UnitOfWork, row: CheckIn) -> None:
    """Nobody answered in time: try again while the policy does, then let a person look."""
    if row.state not in CHECK_IN["lose"].sources:
        return
    policy = Rulebook.load().missed_contact()
    facts, again = facts_of(uow, row), tries_are_left(row.attempts + 1, Rulebook.load())
    row.attempts += 1
    said = _about(events.CheckInMissed, row, attempts=row.attempts) if again else _about(events.CheckInLost, row)
    with uow.acting(ITSELF):
        move(uow, CHECK_IN, row, "miss" if again else "lose", facts, events=[said], rules=(policy.ref,))
    if again:
        row.retry_at = uow.now + policy.retry_after.longest
        await set_deadline(uow, UNANSWERED, journey=row.journey, subject=row.id, due_at=row.retry_at)
    else:
        row.retry_at = None
    await settle(uow, await uow.session.get_one(Observation, row.course))


async def perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> CheckIn:
    """Do one action for a person. Raises NotFound, Stale, Refused."""
    journey = await uow.session.scalar(select(col(CheckIn.journey)).where(col(CheckIn.id) == id))
    if journey is None:
        raise NotFound("check-in")
    await require_visible(uow, principal, journey, "check-in")
    await uow.lock(journey)
    row = await uow.session.get_one(CheckIn, id)
    expect(row, expected)
    move(
        uow,
        CHECK_IN,
        row,
        action,
        facts_of(uow, row),
        command=command,
        events=lambda: EFFECTS[action](uow, row, command),
        reason=getattr(command, "reason_code", None),
    )
    remark(uow, row, action, getattr(command, "note", None))
    row.retry_at = None
    await cancel_deadlines(uow, subject=row.id)
    await settle(uow, await uow.session.get_one(Observation, row.course))
    return row


def _complete(uow: UnitOfWork, row: CheckIn, command: actions.Complete) -> Iterator[Event]:
    row.average_pain, row.worst_pain = command.average_pain, command.worst_pain
    row.rescue_doses = command.rescue_doses
    row.answered_at, row.answered_by = uow.now, uow.actor.role
    yield _about(
        events.CheckInCompleted,
        row,
        average_pain=command.average_pain,
        worst_pain=command.worst_pain,
        rescue_doses=command.rescue_doses,
    )


def _cancel(uow: UnitOfWork, row: CheckIn, command: Because) -> Iterator[Event]:
    row.reason_code = command.reason_code
    yield _about(events.CheckInCancelled, row, reason_code=command.reason_code)


EFFECTS: Final[dict[str, Callable[[UnitOfWork, CheckIn, Any], Iterator[Event]]]] = {
    "complete": _complete,
    "cancel": _cancel,
}
"""What each action of a person writes and says, once it is decided."""


def _about(event: type[events.AboutCheckIn], row: CheckIn, **more: Any) -> events.AboutCheckIn:
    return event(check_in=row.id, course=row.course, **more)
