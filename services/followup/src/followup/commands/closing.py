"""What the end of a journey takes with it: everything that is open, quietly, and every reminder."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines
from followup.commands import handover as handovers
from followup.commands import observation as observations
from followup.commands.journey import note_closed
from followup.lifecycle import OBSERVATION
from followup.tables import Observation


async def close(uow: UnitOfWork, journey: UUID, reason_code: str) -> None:
    """The journey has ended: end observations, trials, check-ins and handovers, and let no deadline come."""
    await note_closed(uow, journey, reason_code)
    statement = select(Observation).where(
        col(Observation.journey) == journey, col(Observation.state).in_(list(OBSERVATION.open_states))
    )
    for observation in (await uow.session.execute(statement.order_by(col(Observation.id)))).scalars().all():
        await observations.end(uow, observation, reason_code)
    await handovers.end(uow, journey, reason_code)
    await cancel_deadlines(uow, journey=journey)
