"""Whether everything that was said has taken effect, as a development profile sees it before it moves the clock.

Lag is observed every few seconds; here it is counted at the moment of asking, so that weeks can pass without a pause.
All services are still when, twice in a row, every hearer has heard all that every speaker has said, and no deadline is
due.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text

from backbone.access import Caller, require_role
from backbone.actions import unit_of_work
from backbone.problems import NotFound
from reliefpath.events import Speaker, topic_of
from reliefpath.vocabulary import Profile, Role

router = APIRouter(prefix="/development", tags=["development"], include_in_schema=False)

_SAID = text("SELECT topic, sum(seq) FROM backbone.streams WHERE topic IS NOT NULL GROUP BY topic")
_HEARD = text("SELECT speaker, sum(seq) FROM backbone.heard GROUP BY speaker")
_DEADLINES = text(
    """
    SELECT count(*) FILTER (WHERE ended IS NULL AND due_at <= reliefpath_now()) AS due,
           min(due_at) FILTER (WHERE ended IS NULL) AS next,
           count(*) FILTER (WHERE ended = 'parked') AS failed
    FROM backbone.deadlines
    """
)


class Stillness(BaseModel):
    """What one service has said and heard, as numbers of events per topic, and how its deadlines stand.

    `deadlines_failed` counts those that are parked; `next_deadline` is the earliest that will fire by itself.
    """

    said: dict[str, int]
    heard: dict[str, int]
    deadlines_due: int
    deadlines_failed: int
    next_deadline: datetime | None


@router.get("/stillness")
async def show_stillness(request: Request, principal: Caller) -> Stillness:
    """How much this service has said and heard by now."""
    if request.app.state.settings.profile is not Profile.DEVELOPMENT:
        raise NotFound("address")
    require_role(principal, Role.OPERATIONS)
    hears: tuple[Speaker, ...] = request.app.state.hears
    async with unit_of_work(request, principal) as uow:
        said = (await uow.session.execute(_SAID)).all()
        heard = {speaker: int(total) for speaker, total in (await uow.session.execute(_HEARD)).all()}
        deadlines = (await uow.session.execute(_DEADLINES)).one()
    return Stillness(
        said={topic: int(total) for topic, total in said},
        heard={topic_of(speaker): heard.get(speaker.value, 0) for speaker in hears},
        deadlines_due=deadlines.due,
        deadlines_failed=deadlines.failed,
        next_deadline=deadlines.next,
    )
