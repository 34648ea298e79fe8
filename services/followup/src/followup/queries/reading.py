"""One row as somebody asked for it: visible to them, and its being read written down."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from backbone.access import Principal, require_visible
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from backbone.rows import Stateful

Row = TypeVar("Row", bound=Stateful)


async def read(uow: UnitOfWork, principal: Principal, kind: type[Row], id: UUID) -> Row:
    """The row of this id. Raises NotFound when there is none, or none the caller may see."""
    row = await uow.session.get(kind, id)
    if row is None:
        raise NotFound(kind.RESOURCE)
    await require_visible(uow, principal, row.journey, kind.RESOURCE)
    uow.record("read", kind.RESOURCE, id, journey=row.journey)
    return row
