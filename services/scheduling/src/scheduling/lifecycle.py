"""The life of an appointment, from somebody having to find a time until it took place or fell through."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import Field, model_validator

from reliefpath import events
from reliefpath.lifecycle import STAYS, Command, Lifecycle, Transition
from reliefpath.vocabulary import Code, Instant, Role, Side
from reliefpath.wording import Codes
from scheduling.rules import appointment as rules
from scheduling.rules import holds
from scheduling.rules.facts import Wanted
from scheduling.rules.hours import Interval


class AppointmentState(StrEnum):
    """Where an appointment stands."""

    REQUESTED = "requested"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    BOOKED = "booked"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    MISSED = "missed"
    RESCHEDULED = "rescheduled"


class Slot(Command):
    """A time and the resources for it, by their ids. `variant` is the form of the procedure, if it is a special one."""

    starts_at: Instant
    minutes: int = Field(ge=1, le=1440)
    resources: tuple[UUID, ...] = Field(min_length=1, max_length=20)
    variant: Code | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Slot:
        if len(set(self.resources)) < len(self.resources):
            raise ValueError("a resource is named twice")
        return self

    @property
    def interval(self) -> Interval:
        """When it is."""
        return Interval(self.starts_at, self.starts_at + timedelta(minutes=self.minutes))

    @property
    def wanted(self) -> Wanted | None:
        """The slot, as rules look at it."""
        return Wanted(self.interval, self.resources, self.variant)


class Waitlist(Command):
    """No time was found; why, if there is something to say."""

    reason_code: Code | None = None


class Offer(Slot):
    """A slot for the patient to answer. Without `answer_by` the usual time to answer applies."""

    answer_by: Instant | None = None


class Release(Command):
    """The offered slot is given back."""

    reason_code: Code | None = None


class Cancel(Command):
    """It will not take place. `still_wanted` says whether somebody is to find another time."""

    reason_code: Code
    still_wanted: bool = True


class Miss(Command):
    """The patient did not come; why, if it is known."""

    reason_code: Code | None = None


class Reschedule(Command):
    """It is moved, for a reason: to another slot, or to a time that has yet to be found."""

    reason_code: Code
    to: Slot | None = None

    @property
    def wanted(self) -> Wanted | None:
        """The new slot, as rules look at it."""
        return Wanted(self.to.interval, self.to.resources, self.to.variant, at="/to") if self.to is not None else None


class Start(Command):
    """The visit begins. `confirmed` names what was looked at before, such as `normal_inr`."""

    confirmed: Codes = ()


class RecordHold(Command):
    """The prescriber agreed that a drug is left off: the last dose before the procedure, past or planned.

    `form` is the dose, route or use that the records tell apart. Unknown kidneys count as impaired.
    """

    drug: Code
    last_dose_at: Instant
    form: Code | None = None
    renal_impairment: bool | None = None
    confirmed: Codes = ()
    reason_code: Code | None = None


class RecordDiscussion(Command):
    """Clinician and prescriber decided something else than a hold by the records: to go on, or their own time."""

    drug: Code
    reason_code: Code
    not_before: Instant | None = None


S = AppointmentState

SCHEDULER = frozenset({Role.SCHEDULER})
SYSTEM = frozenset({Role.SYSTEM})
FLOOR = frozenset({Role.SCHEDULER, Role.COORDINATOR, Role.CLINICIAN})
"""Who meets the patient when they come."""
CANCELLERS = frozenset({Role.PATIENT, Role.SCHEDULER, Role.COORDINATOR, Role.CLINICIAN, Role.REFERRER, Role.HOME_NURSE})
WAITING = frozenset({S.REQUESTED, S.WAITLISTED})
"""States in which somebody has to find a time."""
HOLDING = frozenset({S.OFFERED, S.BOOKED, S.CONFIRMED, S.ARRIVED, S.IN_PROGRESS})
"""States in which a time and resources are reserved."""
TO_COME = frozenset({S.REQUESTED, S.WAITLISTED, S.OFFERED, S.BOOKED, S.CONFIRMED})
TERMINAL = frozenset({S.FULFILLED, S.CANCELLED, S.MISSED, S.RESCHEDULED})
OPEN = frozenset(S) - TERMINAL

APPOINTMENT: Final = Lifecycle(
    name="appointment",
    states=AppointmentState,
    terminal=TERMINAL,
    transitions=(
        Transition(
            action="request",
            label="A time has to be found",
            target=S.REQUESTED,
            by=SYSTEM,
            emits=(events.AppointmentRequested,),
        ),
        Transition(
            action="waitlist",
            label="Put it on the waiting list",
            sources=frozenset({S.REQUESTED}),
            target=S.WAITLISTED,
            by=SCHEDULER,
            side=Side.RECEIVER,
            command=Waitlist,
            emits=(events.AppointmentWaitlisted,),
        ),
        Transition(
            action="offer",
            label="Offer the patient a time",
            sources=WAITING,
            target=S.OFFERED,
            by=SCHEDULER,
            side=Side.RECEIVER,
            command=Offer,
            guards=(*rules.SLOT_GUARDS, rules.there_is_time_to_answer),
            emits=(events.AppointmentOffered,),
        ),
        Transition(
            action="accept",
            label="Take the offered time",
            sources=frozenset({S.OFFERED}),
            target=S.BOOKED,
            by=frozenset({Role.PATIENT, Role.SCHEDULER}),
            guards=(rules.the_offer_still_stands, rules.its_slot_still_fits),
            emits=(events.AppointmentBooked,),
        ),
        Transition(
            action="release",
            label="Give the offered time back",
            sources=frozenset({S.OFFERED}),
            target=S.REQUESTED,
            by=frozenset({Role.PATIENT, Role.SCHEDULER, Role.COORDINATOR, Role.SYSTEM}),
            command=Release,
            emits=(events.AppointmentRequested,),
        ),
        Transition(
            action="book",
            label="Book it",
            sources=frozenset({S.REQUESTED, S.WAITLISTED, S.OFFERED}),
            target=S.BOOKED,
            by=SCHEDULER,
            side=Side.RECEIVER,
            command=Slot,
            guards=rules.SLOT_GUARDS,
            emits=(events.AppointmentBooked,),
        ),
        Transition(
            action="confirm",
            label="Confirm that the patient will come",
            sources=frozenset({S.BOOKED}),
            target=S.CONFIRMED,
            by=frozenset({Role.PATIENT, Role.SCHEDULER}),
            guards=(rules.what_may_hinder_it_is_told,),
            emits=(events.AppointmentConfirmed,),
        ),
        Transition(
            action="arrive",
            label="The patient is here",
            sources=frozenset({S.BOOKED, S.CONFIRMED}),
            target=S.ARRIVED,
            by=FLOOR,
            side=Side.RECEIVER,
            guards=(rules.its_day_has_come, rules.what_may_hinder_it_is_told),
            emits=(events.PatientArrived,),
        ),
        Transition(
            action="start",
            label="Begin",
            sources=frozenset({S.ARRIVED}),
            target=S.IN_PROGRESS,
            by=FLOOR,
            side=Side.RECEIVER,
            command=Start,
            guards=(holds.what_holds_need_is_confirmed, rules.the_drugs_allow_it_to_begin),
            emits=(events.AppointmentStarted,),
        ),
        Transition(
            action="fulfil",
            label="It took place",
            sources=frozenset({S.IN_PROGRESS}),
            target=S.FULFILLED,
            by=FLOOR,
            side=Side.RECEIVER,
            emits=(events.AppointmentFulfilled,),
        ),
        Transition(
            action="reschedule",
            label="Move it to another time",
            sources=frozenset({S.BOOKED, S.CONFIRMED}),
            target=S.RESCHEDULED,
            by=SCHEDULER,
            side=Side.RECEIVER,
            command=Reschedule,
            guards=(rules.the_new_slot_can_be_had,),
            emits=(events.AppointmentRescheduled,),
        ),
        Transition(
            action="cancel",
            label="Cancel it",
            sources=TO_COME,
            target=S.CANCELLED,
            by=CANCELLERS,
            command=Cancel,
            emits=(events.AppointmentCancelled,),
        ),
        Transition(
            action="miss",
            label="The patient did not come",
            sources=frozenset({S.BOOKED, S.CONFIRMED}),
            target=S.MISSED,
            by=SCHEDULER,
            side=Side.RECEIVER,
            command=Miss,
            guards=(rules.its_time_has_come,),
            emits=(events.AppointmentMissed,),
        ),
        Transition(
            action="record-hold",
            label="Record a hold agreed with the prescriber",
            sources=TO_COME | {S.ARRIVED},
            target=STAYS,
            by=frozenset({Role.CLINICIAN, Role.COORDINATOR}),
            command=RecordHold,
        ),
        Transition(
            action="record-discussion",
            label="Record what else was decided with the prescriber",
            sources=TO_COME | {S.ARRIVED},
            target=STAYS,
            by=frozenset({Role.CLINICIAN}),
            command=RecordDiscussion,
        ),
        Transition(
            action="wind-down",
            label="It is no longer wanted",
            sources=OPEN,
            target=S.CANCELLED,
            by=SYSTEM,
            emits=(events.AppointmentCancelled,),
        ),
    ),
)
