"""A patient who takes something against clotting: a hold is agreed with its prescriber before the needle, twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.people import Thing
from tests.support.journeys import Told

STORY = "block"


async def test_every_procedure_lies_as_long_after_the_last_dose_as_the_records_ask(told: Told) -> None:
    scheduler = told.cast.staff[told.outcome.case.at].scheduler
    procedures = [one for one in await told.appointments() if one["purpose"] == "procedure"]
    assert len(procedures) == 2
    for procedure in procedures:
        shown = await scheduler.read(Thing("scheduling", "appointment", procedure["id"]))
        [hold] = shown["holds"]
        last_dose = datetime.fromisoformat(hold["last_dose_at"])
        assert hold["decided"] == "hold"
        assert hold["hours_before"] > 0
        assert datetime.fromisoformat(shown["starts_at"]) >= last_dose + timedelta(hours=hold["hours_before"])


async def test_the_booking_names_the_records_it_rests_on(told: Told) -> None:
    booked = [event for event in await told.events() if event["type"].endswith("AppointmentBooked.v1")]
    assert any(rule.startswith("HOLD-") for event in booked for rule in event["rules"])
