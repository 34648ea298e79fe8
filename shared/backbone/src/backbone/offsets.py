"""Where a service goes on in a partition: a row of its own database, which moves with the effects of what is heard."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from backbone.carriage import lags, offsets
from backbone.database import UnitOfWork
from backbone.messages import Incoming, Place


async def positions(uow: UnitOfWork, places: set[Place]) -> dict[Place, int]:
    """The next offset of each of these that was ever begun."""
    found = await uow.session.execute(select(offsets.c.topic, offsets.c.partition, offsets.c.next))
    known = {Place(topic, partition): at for topic, partition, at in found.all()}
    return {place: at for place, at in known.items() if place in places}


async def marked(uow: UnitOfWork) -> set[Place]:
    """Those of which a message was heard, by which one can see whether they still are the log they were."""
    found = await uow.session.execute(
        select(offsets.c.topic, offsets.c.partition).where(offsets.c.mark.is_not(None), offsets.c.next > 0)
    )
    return {Place(topic, partition) for topic, partition in found.all()}


async def begin(uow: UnitOfWork, first: Mapping[Place, int]) -> dict[Place, int]:
    """Begin partitions at these offsets, those apart that another began meanwhile; where they go on."""
    await uow.session.execute(
        upsert(offsets).on_conflict_do_nothing(),
        [{"topic": place.topic, "partition": place.partition, "next": at} for place, at in first.items()],
    )
    return await positions(uow, set(first))


async def claim(uow: UnitOfWork, place: Place) -> tuple[int | None, bytes | None]:
    """The next offset of a partition and the mark before it, locked until the transaction ends; None if unknown."""
    found = await uow.session.execute(select(offsets.c.next, offsets.c.mark).where(_at(place)).with_for_update())
    row = found.one_or_none()
    return (row.next, row.mark) if row is not None else (None, None)


async def advance(uow: UnitOfWork, place: Place, expected: int, last: Incoming) -> None:
    """Go on behind this message. Raises NoResultFound when another has moved the offset: it owns the partition."""
    moved = await uow.session.execute(
        update(offsets)
        .where(_at(place), offsets.c.next == expected)
        .values(next=last.offset + 1, mark=last.mark)
        .returning(offsets.c.next)
    )
    moved.one()


async def skip(uow: UnitOfWork, place: Place, expected: int, at: int) -> None:
    """Go on at a later offset, as there is no message before it. The mark stays that of the last message."""
    await uow.session.execute(update(offsets).where(_at(place), offsets.c.next == expected).values(next=at))


async def restart(uow: UnitOfWork, place: Place) -> int | None:
    """Let a partition whose offset is gone be read from its beginning; that offset, or None when it is not gone.

    What was heard before is dropped by its `seq`. The consumer looks every two seconds.
    """
    here = (lags.c.topic == place.topic, lags.c.partition == place.partition)
    begins = (await uow.session.execute(select(lags.c.begins).where(*here).with_for_update())).scalar_one_or_none()
    if begins is not None:
        await uow.session.execute(update(offsets).where(_at(place)).values(next=begins, mark=None))
    return begins


def _at(place: Place) -> ColumnElement[bool]:
    return and_(offsets.c.topic == place.topic, offsets.c.partition == place.partition)
