"""Facilities by name."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from followup.schemas import FacilityNamed
from followup.tables import Facility


async def named(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, FacilityNamed]:
    """These facilities, each with its code if the directory has one for it."""
    wanted = set(ids)
    rows = (await uow.session.execute(select(Facility).where(col(Facility.id).in_(wanted)))).scalars()
    known = {row.id: FacilityNamed(id=row.id, code=row.code) for row in rows}
    return {one: known.get(one, FacilityNamed(id=one)) for one in wanted}
