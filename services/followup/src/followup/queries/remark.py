"""What people wrote about the things shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal
from backbone.database import UnitOfWork
from followup.schemas import RemarkShown
from followup.tables import Remark
from reliefpath.vocabulary import Role


async def remarks_on(
    uow: UnitOfWork, principal: Principal, subjects: Iterable[UUID]
) -> Mapping[UUID, list[RemarkShown]]:
    """The remarks on these, oldest first. A patient reads their own words, not what professionals wrote."""
    statement = select(Remark).where(col(Remark.subject).in_(list(subjects)))
    if principal.role is Role.PATIENT:
        statement = statement.where(col(Remark.role) == Role.PATIENT)
    found: dict[UUID, list[RemarkShown]] = defaultdict(list)
    for row in (await uow.session.execute(statement.order_by(col(Remark.at), col(Remark.id)))).scalars():
        found[row.subject].append(RemarkShown(action=row.action, text=row.text, role=Role(row.role), at=row.at))
    return found
