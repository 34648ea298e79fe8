"""The directory of facilities and their resources: listed once by code, changed by whoever acts for the facility."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from backbone.access import Principal
from backbone.database import UnitOfWork
from backbone.problems import Conflict, Forbidden, NotFound, Reason, Stale
from reliefpath.events import FacilityListed
from reliefpath.vocabulary import facility_id
from scheduling.schemas import FacilityChange, FacilityGiven, Hours, ResourceChange, ResourceGiven
from scheduling.tables import Facility, OpeningHours, Resource


async def list_facility(uow: UnitOfWork, principal: Principal, given: FacilityGiven) -> tuple[Facility, bool]:
    """List a facility; the same one again is no change. Says whether it is new.

    Raises Forbidden, and Conflict when another stands under its code.
    """
    own_id = facility_id(given.code)
    _require_own(principal, own_id)
    await uow.lock(own_id)
    row = await uow.session.get(Facility, own_id)
    if row is not None:
        if not _is(row, given):
            raise _exists("facility", given.code, f"PUT /facilities/{own_id}")
        return row, False
    row = Facility(id=own_id, code=given.code, timezone=given.timezone, kind=given.kind, accepting=given.accepting)
    _set(row, given)
    uow.session.add(row)
    _tell(uow, row, "list")
    return row, True


async def change_facility(
    uow: UnitOfWork, principal: Principal, id: UUID, given: FacilityChange, expected: int | None
) -> Facility:
    """Change a facility. What it is already is no change, whatever was read: a repeated request was done before.

    Raises Forbidden, NotFound, Stale.
    """
    _require_own(principal, id)
    await uow.lock(id)
    row = await uow.session.get(Facility, id)
    if row is None:
        raise NotFound("facility")
    if not _is(row, given):
        _expect(row.version, expected)
        _set(row, given)
        row.version += 1
        _tell(uow, row, "change")
    return row


async def add_resource(
    uow: UnitOfWork, principal: Principal, facility: UUID, given: ResourceGiven
) -> tuple[Resource, bool]:
    """Add a resource to a facility; the same one again is no change. Says whether it is new.

    Raises Forbidden, NotFound, and Conflict when another stands under its code.
    """
    _require_own(principal, facility)
    await uow.lock(facility)
    if await uow.session.get(Facility, facility) is None:
        raise NotFound("facility")
    row = await uow.session.scalar(
        select(Resource).where(col(Resource.facility) == facility, col(Resource.code) == given.code)
    )
    if row is not None:
        if not _is(row, given) or await hours_of(uow, row.id) != set(given.hours):
            raise _exists("resource", given.code, f"PUT /resources/{row.id}")
        return row, False
    row = Resource(facility=facility, code=given.code, kind=given.kind, active=given.active)
    _set(row, given)
    uow.session.add(row)
    await uow.session.flush()
    _open(uow, row.id, given.hours)
    uow.record("add", "resource", row.id)
    return row, True


async def change_resource(
    uow: UnitOfWork, principal: Principal, id: UUID, given: ResourceChange, expected: int | None
) -> Resource:
    """Change a resource. What is booked already stays booked; what it is already is no change, as of a facility.

    Raises Forbidden, NotFound, Stale.
    """
    facility = await uow.session.scalar(select(col(Resource.facility)).where(col(Resource.id) == id))
    if facility is None:
        raise NotFound("resource")
    _require_own(principal, facility)
    await uow.lock(facility)
    row = await uow.session.get_one(Resource, id)
    if _is(row, given) and await hours_of(uow, id) == set(given.hours):
        return row
    _expect(row.version, expected)
    _set(row, given)
    row.version += 1
    await uow.session.execute(delete(OpeningHours).where(col(OpeningHours.resource) == id))
    _open(uow, id, given.hours)
    uow.record("change", "resource", id)
    return row


async def hours_of(uow: UnitOfWork, resource: UUID) -> set[Hours]:
    """When a resource is open."""
    rows = await uow.session.execute(select(OpeningHours).where(col(OpeningHours.resource) == resource))
    return {Hours(weekday=row.weekday, opens=row.opens, closes=row.closes) for row in rows.scalars()}


def _require_own(principal: Principal, facility: UUID) -> None:
    if not principal.everywhere and facility not in principal.facilities:
        raise Forbidden(
            "Your token does not speak for this facility.",
            [
                Reason(
                    code="other-facility",
                    message="Your token does not speak for this facility.",
                    satisfy="Ask somebody of that facility, or operations.",
                )
            ],
        )


def _expect(version: int, expected: int | None) -> None:
    if expected is not None and expected != version:
        raise Stale(version)


def _exists(what: str, code: str, instead: str) -> Conflict:
    return Conflict(
        "exists-differently",
        f"Another {what} stands under the code {code}.",
        [
            Reason(
                code="exists-differently",
                message=f"The {what} {code} is there already, and is not the same.",
                satisfy=f"Use {instead} with If-Match to change it, or choose another code.",
                pointer="/code",
            )
        ],
    )


def _is(row: Facility | Resource, given: FacilityChange | ResourceChange) -> bool:
    plain = given.model_dump(exclude={"hours", "capabilities"})
    same = all(getattr(row, name) == value for name, value in plain.items())
    return same and set(row.capabilities) == set(given.capabilities)


def _set(row: Facility | Resource, given: FacilityChange | ResourceChange) -> None:
    for name, value in given.model_dump(exclude={"hours", "capabilities", "code"}).items():
        setattr(row, name, value)
    row.capabilities = sorted(set(given.capabilities))


def _open(uow: UnitOfWork, resource: UUID, hours: Iterable[Hours]) -> None:
    uow.session.add_all(OpeningHours(resource=resource, **one.model_dump()) for one in hours)


def _tell(uow: UnitOfWork, row: Facility, action: str) -> None:
    uow.record(action, "facility", row.id)
    uow.say(
        row.id,
        FacilityListed.model_validate(
            {
                "facility": row.id,
                "code": row.code,
                "kind": row.kind,
                "capabilities": tuple(row.capabilities),
                "accepting": row.accepting,
            }
        ),
    )
