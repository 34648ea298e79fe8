"""The check-ins of one course as a series: planned together, read together, and dropped together when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines, set_deadline
from backbone.rows import new_id
from backbone.transitions import begin, move
from followup.commands.journey import ITSELF
from followup.lifecycle import CHECK_IN, CheckInState
from followup.rules.check_in import CheckInFacts
from followup.rules.contacts import Planned
from followup.rules.response import Reading
from followup.tables import CheckIn, Observation
from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.wording import Because

DUE: Final = "check-in-due"
UNANSWERED: Final = "check-in-unanswered"


def facts_of(uow: UnitOfWork, row: CheckIn) -> CheckInFacts:
    """The facts of one check-in."""
    return CheckInFacts(
        state=CheckInState(row.state),
        now=uow.now,
        rulebook=Rulebook.load(),
        due_at=row.due_at,
        attempts=row.attempts,
    )


async def check_ins_of(uow: UnitOfWork, courses: Iterable[UUID]) -> list[CheckIn]:
    """Every check-in of these courses, in the order of their times."""
    statement = select(CheckIn).where(col(CheckIn.course).in_(list(courses)))
    return list((await uow.session.execute(statement.order_by(col(CheckIn.due_at), col(CheckIn.id)))).scalars())


def unsettled(check_ins: Iterable[CheckIn]) -> list[CheckIn]:
    """Those that may still be answered."""
    return [one for one in check_ins if one.state in CHECK_IN.open_states]


def readings_of(check_ins: Iterable[CheckIn]) -> tuple[Reading, ...]:
    """The answers, each at the moment for which it was planned."""
    return tuple(Reading(one.id, one.due_at, one.average_pain) for one in check_ins if one.average_pain is not None)


async def schedule(
    uow: UnitOfWork,
    observation: Observation,
    performed_at: datetime,
    contacts: Sequence[Planned],
    rules: Sequence[str],
) -> None:
    """Plan these contacts after a procedure, each with its deadline."""
    with uow.acting(ITSELF):
        for contact in contacts:
            row = CheckIn(
                id=new_id(),
                journey=observation.journey,
                state=CheckInState.SCHEDULED,
                course=observation.id,
                due_at=performed_at + contact.after,
                latest_at=performed_at + contact.until,
                channel=contact.channel,
                purpose=contact.purpose,
            )
            said = events.CheckInScheduled(check_in=row.id, course=row.course, due_at=row.due_at)
            begin(uow, CHECK_IN, row, "schedule", facts_of(uow, row), events=[said], rules=rules)
            await set_deadline(uow, DUE, journey=row.journey, subject=row.id, due_at=row.due_at)
    observation.planned += len(contacts)
    await uow.session.flush()


async def drop(uow: UnitOfWork, check_ins: Iterable[CheckIn], reason_code: str) -> None:
    """Do without what is still open of these, quietly: nobody is asked, and nobody is looked for."""
    with uow.acting(ITSELF):
        for row in unsettled(check_ins):
            move(
                uow,
                CHECK_IN,
                row,
                "cancel",
                facts_of(uow, row),
                command=Because(reason_code=reason_code),
                events=[events.CheckInCancelled(check_in=row.id, course=row.course, reason_code=reason_code)],
                reason=reason_code,
            )
            row.reason_code = reason_code
            await cancel_deadlines(uow, subject=row.id)
