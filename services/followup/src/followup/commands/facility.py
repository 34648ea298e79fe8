"""The facilities as the directory describes them."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert as upsert

from backbone.database import UnitOfWork
from followup.tables import Facility
from reliefpath import events


async def keep_facility(uow: UnitOfWork, listed: events.FacilityListed) -> None:
    """Keep a facility as it was last described."""
    described = {
        "code": listed.code,
        "kind": listed.kind,
        "capabilities": list(listed.capabilities),
        "accepting": listed.accepting,
    }
    statement = upsert(Facility).values(id=listed.facility, **described)
    await uow.session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=described))
