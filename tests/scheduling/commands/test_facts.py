"""What guards look at is what stands in the rows."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from backbone.access import Principal
from reliefpath.vocabulary import Purpose, Role, Setting, Side, Urgency, facility_id
from scheduling.commands.facts import appointment_facts, sides_of, slot_of
from scheduling.lifecycle import AppointmentState
from scheduling.rules.facts import Wanted
from scheduling.rules.hours import Interval
from scheduling.tables import Appointment
from tests.support.scheduling import CENTRE, SENDER, Place


def requested() -> Appointment:
    """An appointment at the centre that has no time yet."""
    return Appointment(
        journey=uuid4(),
        state=AppointmentState.REQUESTED,
        referral=uuid4(),
        purpose=Purpose.ASSESSMENT,
        facility=facility_id(CENTRE),
        urgency=Urgency.ROUTINE,
        setting=Setting.HOME,
    )


def test_the_receiver_is_the_facility_of_the_appointment_and_the_patient_stands_on_both_sides() -> None:
    row = requested()
    assert sides_of(Principal("a", Role.SCHEDULER, frozenset({facility_id(CENTRE)})), row) == {Side.RECEIVER}
    assert sides_of(Principal("a", Role.SCHEDULER, frozenset({facility_id(SENDER)})), row) == {Side.SENDER}
    assert sides_of(Principal("a", Role.PATIENT, journey=uuid4()), row) == set(Side)


def test_an_appointment_without_a_time_has_no_slot() -> None:
    assert slot_of(requested()) is None


async def test_a_resource_is_busy_with_others_appointments_and_never_with_its_own(place: Place) -> None:
    mine, other = await place.booked(hours=24), await place.booked(hours=48)
    async with place.work() as uow:
        row = await uow.session.get_one(Appointment, UUID(mine["id"]))
        within = Interval(uow.now, uow.now + timedelta(days=9))
        facts = await appointment_facts(uow, row, within=within)
        theirs = await uow.session.get_one(Appointment, UUID(other["id"]))
        (room,) = [one for one in facts.resources if one.code == "room-1"]
        assert room.busy == (slot_of(theirs),)
        assert len(room.openings) == 7


async def test_what_is_taken_outside_the_time_in_question_is_not_gathered(place: Place) -> None:
    mine, _ = await place.requested(), await place.booked(hours=48)
    async with place.work() as uow:
        row = await uow.session.get_one(Appointment, UUID(mine["id"]))
        facts = await appointment_facts(uow, row, within=Interval(uow.now, uow.now + timedelta(hours=20)))
    assert all(one.busy == () for one in facts.resources)


async def test_a_resource_of_another_facility_is_told_from_one_that_is_nowhere(place: Place) -> None:
    body = {"code": "elsewhere", "kind": "clinic"}
    other = await place.operator.done("/facilities", body, version=None)
    room = await place.operator.done(
        f"/facilities/{other['id']}/resources", {"code": "room-1", "kind": "room", "hours": []}, version=None
    )
    mine = await place.requested()
    async with place.work() as uow:
        row = await uow.session.get_one(Appointment, UUID(mine["id"]))
        slot = Interval(uow.now, uow.now + timedelta(hours=1))
        facts = await appointment_facts(uow, row, Wanted(slot, (UUID(room["id"]), uuid4())))
    assert facts.elsewhere == {UUID(room["id"])}


async def test_a_facility_that_is_not_listed_is_unknown(place: Place) -> None:
    made = await place.requested(to_facility=facility_id("nowhere"), from_facility=facility_id(CENTRE))
    slots = await place.scheduler.read(f"/appointments/{made['id']}/slots", minutes=60)
    assert [one["code"] for one in slots["unmet"]] == ["facility-unlisted", "need-unavailable", "need-unavailable"]
    assert slots["slots"] == []
