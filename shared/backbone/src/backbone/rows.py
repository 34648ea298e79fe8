"""What rows have in common: an id, a version, a state, and constraint names that stay the same for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime
from sqlalchemy.types import TypeDecorator, UserDefinedType
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

NAMING: Final[dict[str, Any]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Moment(TypeDecorator[datetime]):
    """A point in time with its offset; every time column is one."""

    impl = DateTime(timezone=True)
    cache_ok = True


class PgSnapshot(UserDefinedType[str]):
    """A PostgreSQL snapshot as text, `xmin:xmax:xip,…`."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """PostgreSQL's name for it, as SQLAlchemy asks."""
        return "pg_snapshot"


class XID8(UserDefinedType[int]):
    """A PostgreSQL transaction id that never wraps round."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """PostgreSQL's name for it, as SQLAlchemy asks."""
        return "xid8"


def new_id() -> UUID:
    """A new id, later ones greater (UUID version 7)."""
    return UUID(bytes=uuid7().bytes)


class Versioned(SQLModel):
    """A row with an id and a version, which counts its changes and is its ETag.

    Both times are the one clock's; `backbone.transitions` and the unit of work set them.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    version: int = Field(default=1, nullable=False)
    created_at: datetime | None = Field(default=None, sa_type=Moment, nullable=False)
    updated_at: datetime | None = Field(default=None, sa_type=Moment, nullable=False)


class Stateful(Versioned):
    """A row that lives by a lifecycle. Only `backbone.transitions` changes its state."""

    RESOURCE: ClassVar[str]

    journey: UUID = Field(nullable=False, index=True)
    state: str = Field(nullable=False)
    returns_to: str | None = None


def state_checks(states: type[StrEnum]) -> Iterable[CheckConstraint]:
    """The database's own word on which states there are, read off the lifecycle's enumeration."""
    listed = ", ".join(f"'{state.value}'" for state in states)
    return (
        CheckConstraint(f"state IN ({listed})", name="state"),
        CheckConstraint(f"returns_to IN ({listed})", name="returns_to"),
    )
