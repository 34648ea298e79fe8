"""What a closing takes with it, and the deadlines that run while a referral is open."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines, set_deadline
from backbone.transitions import move
from referral.commands.attention import lapse
from referral.commands.facts import course_facts, open_courses
from referral.commands.journey import ITSELF
from referral.lifecycle import COURSE, AttentionKind
from referral.rules.clocks import Clock, clocks_of
from referral.tables import Referral
from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Urgency
from reliefpath.wording import Because

OVERDUE: Final = {
    Clock.TRIAGE: AttentionKind.TRIAGE_OVERDUE,
    Clock.ASSESSMENT: AttentionKind.ASSESSMENT_OVERDUE,
    Clock.INFORMATION: AttentionKind.INFORMATION_OVERDUE,
}
"""What a person is asked to look at when a clock has run out, until it no longer runs."""


async def keep_clocks(uow: UnitOfWork, referral: Referral, since: datetime | None) -> None:
    """Let exactly the deadlines run that the referral's state asks for. `since` is when the present wait began."""
    said = referral.urgency or referral.proposed_urgency
    running = clocks_of(
        referral.state,
        None if said is None else Urgency(said),
        since or uow.now,
        uow.now,
        Rulebook.load(),
    )
    for clock in Clock:
        if clock in running:
            await set_deadline(uow, clock, journey=referral.journey, subject=referral.id, due_at=running[clock])
        else:
            await cancel_deadlines(uow, subject=referral.id, kind=clock)
    over = [kind for clock, kind in OVERDUE.items() if clock not in running]
    await lapse(uow, referral.journey, over, subject=referral.id)


async def wind_down(uow: UnitOfWork, referral: Referral, reason_code: str) -> None:
    """Close quietly whatever is open in the journey: courses, attentions, deadlines. Nobody is reminded of anything."""
    with uow.acting(ITSELF):
        for course in await open_courses(uow, referral.journey):
            move(
                uow,
                COURSE,
                course,
                "abandon",
                await course_facts(uow, course, referral),
                command=Because(reason_code=reason_code),
                events=[
                    events.CourseAbandoned(
                        course=course.id,
                        referral=course.referral,
                        kind=CourseKind(course.kind),
                        modality=course.modality,
                        reason_code=reason_code,
                    )
                ],
                reason=reason_code,
            )
    await lapse(uow, referral.journey)
    await cancel_deadlines(uow, journey=referral.journey)
