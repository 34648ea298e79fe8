"""The facilities as the directory describes them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.problems import Invalid, Reason
from referral.tables import Facility
from reliefpath import events


async def keep_facility(uow: UnitOfWork, listed: events.FacilityListed) -> None:
    """Keep what the directory says now; the latest is the whole truth."""
    described = {
        "code": listed.code,
        "kind": listed.kind,
        "capabilities": list(listed.capabilities),
        "accepting": listed.accepting,
    }
    statement = upsert(Facility).values(id=listed.facility, **described)
    await uow.session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=described))


async def facility_of(uow: UnitOfWork, code: str, pointer: str = "/to") -> Facility:
    """The facility with this code. Raises Invalid, pointing at where it was given, when there is none."""
    found = (await uow.session.execute(select(Facility).where(col(Facility.code) == code))).scalar_one_or_none()
    if found is None:
        message = f"The directory knows no facility {code}."
        satisfy = "GET /facilities lists those it knows."
        raise Invalid(message, [Reason(code="facility-unknown", message=message, satisfy=satisfy, pointer=pointer)])
    return found
