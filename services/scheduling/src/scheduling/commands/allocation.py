"""Reserving resources, so that none is ever in two places at once.

The database's EXCLUDE constraint is what forbids it. Taking the resources' locks in a fixed order before looking makes
those who want the same ones wait in line instead of deadlocking, and lets the losers be told what is free.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select, text, update
from sqlmodel import col

from backbone.database import UnitOfWork
from backbone.problems import Conflict, Reason
from backbone.rows import new_id
from scheduling.rules.hours import Interval
from scheduling.tables import Allocation


async def lock_resources(uow: UnitOfWork, resources: Iterable[UUID], appointment: UUID | None = None) -> None:
    """Take the locks of these resources, and of those the appointment holds, until the transaction ends.

    All of them at once: whoever gives a resource back and then waits for another would stand in somebody's way.
    """
    wanted = {*resources, *(await held_by(uow, appointment) if appointment is not None else ())}
    keys = sorted(_lock_key(one) for one in wanted)
    await uow.session.execute(
        text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key"), {"keys": keys}
    )


async def held_by(uow: UnitOfWork, appointment: UUID) -> list[UUID]:
    """The resources that are reserved for this appointment now."""
    rows = await uow.session.execute(
        select(col(Allocation.resource)).where(col(Allocation.appointment) == appointment, col(Allocation.active))
    )
    return list(rows.scalars())


async def reserve(uow: UnitOfWork, appointment: UUID, resources: Iterable[UUID], interval: Interval) -> None:
    """Reserve all of these for the appointment, or none. Raises Conflict, naming the ones that are taken."""
    wanted = sorted(resources)
    await uow.session.flush()
    got = await uow.session.execute(
        text(
            "INSERT INTO allocations (id, resource, appointment, during, active)"
            " SELECT w.id, w.resource, :appointment, tstzrange(:start, :end), true"
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:resources AS uuid[])) AS w(id, resource)"
            " ON CONFLICT DO NOTHING RETURNING resource"
        ),
        {
            "appointment": appointment,
            "start": interval.start,
            "end": interval.end,
            "ids": [new_id() for _ in wanted],
            "resources": wanted,
        },
    )
    lost = set(wanted) - set(got.scalars())
    if lost:
        raise Conflict(
            "resource-taken",
            "Somebody else was faster. Nothing was reserved.",
            [
                Reason(
                    code="resource-taken",
                    message=f"The resource {one} is taken at that time.",
                    satisfy="GET the appointment's slots again and choose one.",
                    pointer="/resources",
                )
                for one in sorted(lost)
            ],
        )


async def give_back(uow: UnitOfWork, appointment: UUID) -> None:
    """Free what is reserved for this appointment. That it was reserved stays written down."""
    await uow.session.execute(
        update(Allocation)
        .where(col(Allocation.appointment) == appointment, col(Allocation.active))
        .values(active=False)
        .execution_options(synchronize_session=False)
    )


def _lock_key(resource: UUID) -> int:
    """A resource's lock: the random half of its id, as the signed number that PostgreSQL wants."""
    return (resource.int & (2**64 - 1)) - 2**63
