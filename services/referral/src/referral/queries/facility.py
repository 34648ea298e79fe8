"""The directory as this service heard it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from referral.schemas import FacilityNamed, FacilityShown
from referral.tables import Facility


async def all_facilities(uow: UnitOfWork) -> list[FacilityShown]:
    """Every facility, by code."""
    rows = (await uow.session.execute(select(Facility).order_by(col(Facility.code)))).scalars()
    return [FacilityShown.model_validate(row, from_attributes=True) for row in rows]


async def named(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, FacilityNamed]:
    """These facilities by id, each with its code when the directory has one."""
    wanted = set(ids)
    rows = (await uow.session.execute(select(Facility).where(col(Facility.id).in_(wanted)))).scalars()
    codes = {row.id: row.code for row in rows}
    return {one: FacilityNamed(id=one, code=codes.get(one)) for one in wanted}
