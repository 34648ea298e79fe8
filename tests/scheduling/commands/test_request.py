"""What Reliefpath itself asks for and closes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Purpose, Setting, Urgency, facility_id
from scheduling.commands.request import request_assessment, request_procedure, wind_down
from tests.support.scheduling import CENTRE, Place, accepted, course


async def test_an_assessment_is_asked_for_with_the_time_the_service_level_promises(place: Place) -> None:
    journey = uuid4()
    async with place.work() as uow:
        now = uow.now
        await request_assessment(uow, journey, accepted(urgency=Urgency.SOON, antithrombotics=("b", "a", "b")))
    (row,) = await place.rows("SELECT * FROM appointments")
    assert (row["state"], row["purpose"], row["version"]) == ("requested", "assessment", 1)
    assert row["antithrombotics"] == ["a", "b"]
    level = Rulebook.load().service_level(Urgency.SOON)
    assert level.assessment is not None
    assert row["see_by"] == now + level.assessment.longest
    (audited,) = await place.rows("SELECT rules FROM backbone.audit WHERE resource = 'appointment'")
    assert audited["rules"] == [level.ref]
    assert await place.said(journey) == [
        events.AppointmentRequested(
            appointment=row["id"],
            referral=row["referral"],
            purpose=Purpose.ASSESSMENT,
            facility=facility_id(CENTRE),
        )
    ]


async def test_a_procedure_carries_what_its_slot_will_be_measured_by(place: Place) -> None:
    until = datetime.fromisoformat("2031-01-01T00:00:00+00:00")
    wanted = course(valid_until=until, antithrombotics=("warfarin",))
    async with place.work() as uow:
        await request_procedure(uow, uuid4(), wanted)
    (row,) = await place.rows("SELECT * FROM appointments")
    assert (row["purpose"], row["course"], row["modality"], row["kind"]) == (
        "procedure",
        wanted.course,
        "SCS",
        CourseKind.TRIAL,
    )
    assert (row["valid_until"], row["setting"]) == (until, Setting.HOSPITAL)


async def test_what_is_asked_for_twice_is_asked_for_once(place: Place) -> None:
    journey, referral, wanted = uuid4(), accepted(), course()
    for _ in range(2):
        async with place.work() as uow:
            await request_assessment(uow, journey, referral)
            await request_procedure(uow, journey, wanted)
    assert await place.value("SELECT count(*) FROM appointments") == 2


async def test_the_database_lets_no_course_have_two_open_appointments(place: Place) -> None:
    wanted = course()
    async with place.work() as uow:
        await request_procedure(uow, uuid4(), wanted)
    with pytest.raises(IntegrityError, match="uq_appointments_open_course"):
        async with place.work() as uow:
            await request_procedure(uow, uuid4(), wanted)


async def test_winding_down_closes_what_is_open_and_asks_for_nothing_in_its_place(place: Place) -> None:
    made = await place.booked()
    async with place.work() as uow:
        await wind_down(uow, UUID(made["journey"]), "patient-died")
    (row,) = await place.rows("SELECT * FROM appointments")
    assert (row["state"], row["cancelled_by"], row["reason_code"]) == ("cancelled", "system", "patient-died")
    assert await place.value("SELECT count(*) FROM allocations WHERE active") == 0
    (*_, cancelled) = await place.said(made["journey"])
    assert isinstance(cancelled, events.AppointmentCancelled)
    assert cancelled.successor is None


async def test_winding_down_again_changes_nothing(place: Place) -> None:
    made = await place.booked()
    for _ in range(2):
        async with place.work() as uow:
            await wind_down(uow, UUID(made["journey"]), "referral-completed", referral=UUID(made["referral"]))
    assert len(await place.said(made["journey"])) == 3


async def test_winding_down_one_course_leaves_the_others_of_the_journey(place: Place) -> None:
    journey, first, second = uuid4(), course(), course()
    async with place.work() as uow:
        await request_procedure(uow, journey, first)
        await request_procedure(uow, journey, second)
        await wind_down(uow, journey, "course-declined", course=first.course)
    rows = await place.rows("SELECT course, state FROM appointments")
    assert {row["course"]: row["state"] for row in rows} == {first.course: "cancelled", second.course: "requested"}
