"""No resource is ever booked twice: fifty at once, with the locks and without them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError

from backbone.problems import Conflict
from scheduling.commands.allocation import give_back, held_by, lock_resources, reserve
from scheduling.rules.hours import Interval
from scheduling.tables import Allocation
from tests.support.scheduling import Place, accepted

NINE = datetime(2030, 1, 7, 9, tzinfo=UTC)
NINE_TO_TEN = Interval(NINE, NINE + timedelta(hours=1))

OVERLAPS = (
    "SELECT count(*) FROM allocations a JOIN allocations b"
    " ON a.resource = b.resource AND a.id < b.id AND a.during && b.during WHERE a.active AND b.active"
)


async def many(place: Place, count: int) -> list[UUID]:
    """So many assessments of as many patients."""
    await place.take(*(place.message(accepted(), uuid4()) for _ in range(count)))
    return [row["id"] for row in await place.rows("SELECT id FROM appointments")]


async def test_of_fifty_bookings_of_one_slot_at_once_exactly_one_wins_and_the_others_are_told_what_is_free(
    place: Place,
) -> None:
    slot = await place.slot()
    ids = await many(place, 50)
    answers = await asyncio.gather(*(place.scheduler.post(f"/appointments/{one}/book", slot) for one in ids))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    for answer in answers:
        if answer.status_code == 409:
            problem = answer.json()
            assert [one["code"] for one in problem["errors"]] == ["resource-taken", "resource-taken"]
            assert problem["errors"][0]["satisfy"] == "Free at that time instead: room-2."
            assert problem["alternatives"]
    assert await place.value("SELECT count(*) FROM allocations WHERE active") == 2
    assert await place.value("SELECT count(*) FROM appointments WHERE state = 'booked'") == 1
    assert await place.value("SELECT count(*) FROM backbone.outbox WHERE headers LIKE '%AppointmentBooked%'") == 1


async def test_bookings_of_crossing_resources_neither_deadlock_nor_overlap(place: Place) -> None:
    pairs = [("room-1", "dr-1"), ("dr-1", "room-2"), ("room-2", "dr-2"), ("dr-2", "room-1")]
    slots = [await place.slot(24 + number % 3, 60, *pairs[number % 4]) for number in range(40)]
    ids = await many(place, 40)
    answers = await asyncio.gather(
        *(place.scheduler.post(f"/appointments/{one}/book", slot) for one, slot in zip(ids, slots, strict=True))
    )
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) == {200, 409}
    assert counts[200] >= 3
    assert await place.value(OVERLAPS) == 0
    assert await place.value("SELECT count(*) FROM allocations WHERE active") == 2 * counts[200]


async def test_without_the_locks_the_database_still_lets_one_through_and_the_rest_get_nothing(place: Place) -> None:
    ids = await many(place, 12)
    resources = [UUID(place.resources[code]) for code in ("room-1", "dr-1")]

    async def grab(id: UUID) -> bool:
        try:
            async with place.work() as uow:
                await reserve(uow, id, resources, NINE_TO_TEN)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*map(grab, ids))) == 1
    assert await place.value("SELECT count(*) FROM allocations") == 2


async def test_a_reservation_that_cannot_have_everything_has_nothing_and_names_what_is_taken(place: Place) -> None:
    first, second = await many(place, 2)
    room, doctor, other = (UUID(place.resources[code]) for code in ("room-1", "dr-1", "dr-2"))
    async with place.work() as uow:
        await reserve(uow, first, [room, doctor], NINE_TO_TEN)
    with pytest.raises(Conflict) as conflict:
        async with place.work() as uow:
            await reserve(uow, second, [room, other], NINE_TO_TEN)
    assert [str(room) in reason.message for reason in conflict.value.reasons] == [True]
    assert await place.value("SELECT count(*) FROM allocations") == 2


async def test_even_a_plain_insert_cannot_book_a_resource_twice(place: Place) -> None:
    first, second = await many(place, 2)
    room = UUID(place.resources["room-1"])
    during = Range(NINE, NINE + timedelta(minutes=1), bounds="[)")
    async with place.work() as uow:
        uow.session.add(Allocation(resource=room, appointment=first, during=during))
    with pytest.raises(IntegrityError, match="ex_allocations_resource_during"):
        async with place.work() as uow:
            uow.session.add(Allocation(resource=room, appointment=second, during=during))


async def test_one_booking_may_begin_when_another_ends(place: Place) -> None:
    first, second = await many(place, 2)
    room = [UUID(place.resources["room-1"])]
    async with place.work() as uow:
        await reserve(uow, first, room, NINE_TO_TEN)
        await reserve(uow, second, room, Interval(NINE_TO_TEN.end, NINE_TO_TEN.end + timedelta(hours=1)))


async def test_what_was_given_back_can_be_had_by_another_and_stays_written_down(place: Place) -> None:
    first, second = await many(place, 2)
    room = UUID(place.resources["room-1"])
    async with place.work() as uow:
        await lock_resources(uow, [room])
        await reserve(uow, first, [room], NINE_TO_TEN)
        assert await held_by(uow, first) == [room]
        await give_back(uow, first)
        await reserve(uow, second, [room], NINE_TO_TEN)
        assert await held_by(uow, first) == []
    assert await place.value("SELECT count(*) FROM allocations") == 2
