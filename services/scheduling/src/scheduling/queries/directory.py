"""The directory as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.paging import keyset
from backbone.problems import NotFound
from reliefpath.vocabulary import FacilityKind
from scheduling.schemas import FacilityShown, Hours, ResourceShown
from scheduling.tables import Facility, OpeningHours, Resource


def show_facility(row: Facility) -> FacilityShown:
    """A facility."""
    return FacilityShown.model_validate(row.model_dump())


async def read_facility(uow: UnitOfWork, id: UUID) -> FacilityShown:
    """The facility with this id. Raises NotFound."""
    row = await uow.session.get(Facility, id)
    if row is None:
        raise NotFound("facility")
    return show_facility(row)


async def list_facilities(
    uow: UnitOfWork,
    code: str | None,
    kind: FacilityKind | None,
    capability: str | None,
    cursor: str | None,
    limit: int,
) -> tuple[list[FacilityShown], list[Sequence[Any]]]:
    """Facilities by code, with each one's place in that order; one more than the limit when there are more."""
    statement = select(Facility)
    if code is not None:
        statement = statement.where(col(Facility.code) == code)
    if kind is not None:
        statement = statement.where(col(Facility.kind) == kind)
    if capability is not None:
        statement = statement.where(col(Facility.capabilities).contains([capability]))
    order: Any = (col(Facility.code),)
    found = list((await uow.session.execute(keyset(statement, order, (str,), cursor, limit))).scalars())
    return [show_facility(row) for row in found], [(row.code,) for row in found]


async def read_resource(uow: UnitOfWork, id: UUID) -> ResourceShown:
    """The resource with this id. Raises NotFound."""
    row = await uow.session.get(Resource, id)
    if row is None:
        raise NotFound("resource")
    return (await _shown(uow, [row]))[0]


async def list_resources(
    uow: UnitOfWork, facility: UUID, cursor: str | None, limit: int
) -> tuple[list[ResourceShown], list[Sequence[Any]]]:
    """A facility's resources by code, with each one's place in that order; one more than the limit when there are more.

    Raises NotFound when there is no such facility.
    """
    if await uow.session.get(Facility, facility) is None:
        raise NotFound("facility")
    statement = select(Resource).where(col(Resource.facility) == facility)
    order: Any = (col(Resource.code),)
    rows = (await uow.session.execute(keyset(statement, order, (str,), cursor, limit))).scalars()
    found = await _shown(uow, list(rows))
    return found, [(one.code,) for one in found]


async def _shown(uow: UnitOfWork, rows: Iterable[Resource]) -> list[ResourceShown]:
    rows = list(rows)
    openings = await uow.session.execute(
        select(OpeningHours)
        .where(col(OpeningHours.resource).in_([row.id for row in rows]))
        .order_by(col(OpeningHours.weekday), col(OpeningHours.opens))
    )
    hours: dict[UUID, list[Hours]] = {}
    for one in openings.scalars():
        hours.setdefault(one.resource, []).append(Hours(weekday=one.weekday, opens=one.opens, closes=one.closes))
    return [ResourceShown.model_validate({**row.model_dump(), "hours": hours.get(row.id, [])}) for row in rows]
