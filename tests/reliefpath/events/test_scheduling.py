"""The scheduling service's events: which appointment, for which referral, for what."""

from __future__ import annotations

import pytest

from reliefpath import events
from reliefpath.events import CATALOGUE, Event, Speaker

APPOINTMENTS = [cls for cls in CATALOGUE.values() if cls.speaker is Speaker.SCHEDULING]


@pytest.mark.parametrize("cls", APPOINTMENTS, ids=lambda cls: cls.__name__)
def test_every_event_says_which_appointment_for_which_referral_and_what_for(cls: type[Event]) -> None:
    assert issubclass(cls, events.AboutAppointment)
    assert {"appointment", "referral", "purpose", "course"} <= cls.model_fields.keys()


@pytest.mark.parametrize("cls", [events.AppointmentCancelled, events.AppointmentMissed, events.AppointmentRescheduled])
def test_what_fell_through_names_what_takes_its_place(cls: type[Event]) -> None:
    assert "successor" in cls.model_fields


def test_a_time_that_is_reserved_has_a_beginning_and_an_end() -> None:
    for cls in (events.AppointmentBooked, events.AppointmentOffered):
        assert cls.model_fields["starts_at"].is_required()
        assert cls.model_fields["ends_at"].is_required()
