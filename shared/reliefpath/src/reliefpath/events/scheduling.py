"""What the scheduling service says: appointments, and the directory of facilities."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from reliefpath.events.event import Event, Speaker
from reliefpath.vocabulary import Code, FacilityKind, Purpose, Role


class AboutAppointment(Event, abstract=True):
    """Said about one appointment. `course` is there for a procedure, not for an assessment."""

    speaker: ClassVar[Speaker] = Speaker.SCHEDULING
    appointment: UUID
    referral: UUID
    purpose: Purpose
    course: UUID | None = None


class AppointmentRequested(AboutAppointment):
    """Somebody has to find a time. `replaces` is the appointment that fell through."""

    facility: UUID
    modality: Code | None = None
    replaces: UUID | None = None


class AppointmentWaitlisted(AboutAppointment):
    """No time was found; it waits for one."""


class AppointmentOffered(AboutAppointment):
    """A time was offered to the patient and is held until they answer."""

    starts_at: datetime
    ends_at: datetime
    answer_by: datetime


class AppointmentBooked(AboutAppointment):
    """Time, place and people are reserved."""

    facility: UUID
    starts_at: datetime
    ends_at: datetime


class AppointmentConfirmed(AboutAppointment):
    """The patient will come."""


class PatientArrived(AboutAppointment):
    """The patient is here."""


class AppointmentStarted(AboutAppointment):
    """The visit or procedure has begun."""


class AppointmentFulfilled(AboutAppointment):
    """It took place."""

    facility: UUID
    ended_at: datetime


class AppointmentCancelled(AboutAppointment):
    """It will not take place. `successor` is the appointment that takes its place, if the visit is still wanted."""

    by: Role
    reason_code: Code
    successor: UUID | None = None


class AppointmentMissed(AboutAppointment):
    """The patient did not come. `successor` is the appointment that follows."""

    successor: UUID | None = None


class AppointmentRescheduled(AboutAppointment):
    """Moved to another time; the old time is free again."""

    successor: UUID
    reason_code: Code


class FacilityListed(Event):
    """A facility as the directory knows it now. The latest one is the whole truth."""

    speaker: ClassVar[Speaker] = Speaker.DIRECTORY
    facility: UUID
    code: Code
    kind: FacilityKind
    capabilities: tuple[Code, ...] = ()
    accepting: bool = True
