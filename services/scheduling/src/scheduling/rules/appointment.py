"""What else an appointment's actions wait for: the place, the payer, the patient's own time, and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from reliefpath.lifecycle import Finding, Guard
from reliefpath.rulebook import Rulebook, UnknownRecord
from reliefpath.vocabulary import Purpose, Urgency
from scheduling.rules import slots
from scheduling.rules.facts import AppointmentFacts, Wanted, Wanting, wanted_by
from scheduling.rules.holds import the_antithrombotics_are_decided, the_variant_is_known
from scheduling.rules.hours import Interval, local_midnight


class Offering(Protocol):
    """What is read off an offer."""

    @property
    def wanted(self) -> Wanted | None:
        """The slot that is offered."""

    @property
    def answer_by(self) -> datetime | None:
        """Until when the patient may answer; None for the usual time."""


@dataclass(frozen=True, slots=True)
class _AsIf:
    """A slot, as if somebody wanted it now."""

    wanted: Wanted | None


def see_by(rulebook: Rulebook, urgency: Urgency, purpose: Purpose, since: datetime) -> tuple[datetime, str] | None:
    """Until when somebody of this urgency should have had it, and by which record; None when no record says."""
    try:
        level = rulebook.service_level(urgency)
    except UnknownRecord:
        return None
    wait = (level.procedure if purpose is Purpose.PROCEDURE else level.assessment) or level.contact
    return (since + wait.longest, level.ref) if wait is not None else None


def the_facility_is_listed(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """The directory knows the place."""
    if facts.facility is None:
        yield Finding(
            code="facility-unlisted",
            message="The facility is not in the directory.",
            satisfy="List the facility and its resources first.",
        )


def the_facility_can_do_it(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """The place has every capability the modality requires, and a record describes the modality."""
    if facts.purpose is not Purpose.PROCEDURE or facts.facility is None:
        return
    modality = facts.modality
    if modality is None:
        yield Finding(
            code="modality-unknown",
            message=f"No record in the rulebook describes the modality {facts.modality_code}.",
            satisfy="Have the course proposed anew with a modality that is known.",
        )
        return
    for lacking in sorted(set(modality.capabilities) - facts.facility.capabilities):
        yield Finding(
            code="capability-missing",
            message=f"{modality.code} requires {lacking}, which {facts.facility.code} does not list.",
            satisfy="Have the course requested at a facility that lists it, or correct the directory.",
            rules=(modality.ref,),
        )


def the_slot_is_ahead(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """Nothing is booked into the past."""
    wanted = wanted_by(command)
    if wanted is not None and wanted.interval.start < facts.now:
        yield Finding(
            code="slot-in-the-past",
            message="The slot has already begun.",
            satisfy="Choose a time that is still to come.",
            pointer=f"{wanted.at}/starts_at",
        )


def there_is_time_to_answer(facts: AppointmentFacts, command: Offering | None) -> Iterator[Finding]:
    """The patient can answer: after now, and before the slot begins."""
    if command is None or command.answer_by is None or command.wanted is None:
        return
    if not facts.now < command.answer_by <= command.wanted.interval.start:
        yield Finding(
            code="answer-by",
            message="The time to answer by is over already, or lies after the slot begins.",
            satisfy="Choose a moment between now and the beginning of the slot, or leave it out.",
            pointer="/answer_by",
        )


def the_patient_is_free(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """The patient is not expected elsewhere at that time."""
    wanted = wanted_by(command)
    for visit in facts.other_visits:
        if wanted is not None and visit.overlaps(wanted.interval):
            yield Finding(
                code="patient-elsewhere",
                message="The patient has another appointment "
                f"from {visit.start.isoformat()} to {visit.end.isoformat()}.",
                satisfy=f"Choose a time before it, or from {visit.end.isoformat()} on.",
                pointer=f"{wanted.at}/starts_at",
            )


def the_authorisation_covers_it(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """The procedure begins while the payer's authorisation is valid. Without an end it does not run out."""
    if facts.valid_until is None:
        return
    wanted = wanted_by(command)
    begins = wanted.interval.start if wanted is not None else facts.now
    if begins > facts.valid_until:
        yield Finding(
            code="authorisation-expired",
            message=f"The authorisation is valid until {facts.valid_until.isoformat()}.",
            satisfy="Choose a slot that begins before it runs out, or have the course authorised anew.",
            pointer=f"{wanted.at}/starts_at" if wanted is not None else None,
        )


def it_is_soon_enough(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """The slot is not later than the service level asks for. It is said, and refuses nothing."""
    wanted = wanted_by(command)
    if wanted is None or facts.see_by is None or wanted.interval.start <= facts.see_by:
        return
    level = see_by(facts.rulebook, facts.urgency, facts.purpose, facts.now)
    yield Finding(
        code="later-than-promised",
        message=f"By its urgency ({facts.urgency}) it should begin until {facts.see_by.isoformat()}.",
        satisfy="Look for an earlier slot, at another facility if need be.",
        rules=(level[1],) if level is not None else (),
        pointer=f"{wanted.at}/starts_at",
        advisory=True,
    )


def the_offer_still_stands(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """The time to answer is not over."""
    if facts.answer_by is not None and facts.answer_by < facts.now:
        yield Finding(
            code="offer-over",
            message=f"The offer stood until {facts.answer_by.isoformat()}.",
            satisfy="Ask the scheduler for another offer.",
        )


def its_slot_still_fits(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """What was decided since the slot was chosen does not speak against it."""
    own = _AsIf(Wanted(facts.slot, (), facts.variant) if facts.slot is not None else None)
    for guard in (the_authorisation_covers_it, the_antithrombotics_are_decided):
        for finding in guard(facts, own):
            yield finding.model_copy(update={"pointer": None})


def what_may_hinder_it_is_told(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """Whoever confirms or receives the patient hears in time what would keep it from beginning."""
    for finding in its_slot_still_fits(facts, command):
        yield finding.model_copy(update={"advisory": True})


def the_drugs_allow_it_to_begin(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """The procedure does not begin sooner after a last dose than was decided, nor with a drug nobody decided about."""
    now = _AsIf(Wanted(Interval(facts.now, facts.now), (), facts.variant))
    for finding in the_antithrombotics_are_decided(facts, now):
        yield finding.model_copy(update={"pointer": None})


def its_day_has_come(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """Nobody arrives before the day of the appointment, as the calendar of its place counts days."""
    if facts.slot is None or facts.facility is None:
        return
    day = local_midnight(facts.slot.start, facts.facility.zone)
    if facts.now < day:
        yield Finding(
            code="too-early",
            message=f"The appointment is on the day that begins at {day.isoformat()}.",
            satisfy="Wait for the day, or reschedule it.",
        )


def its_time_has_come(facts: AppointmentFacts, command: object) -> Iterator[Finding]:
    """Nobody has missed an appointment that has not begun."""
    if facts.slot is not None and facts.now < facts.slot.start:
        yield Finding(
            code="not-begun",
            message=f"The appointment begins at {facts.slot.start.isoformat()}.",
            satisfy="Wait until it begins, or cancel or reschedule it.",
        )


SLOT_GUARDS: Final[tuple[Guard, ...]] = (
    the_facility_is_listed,
    the_facility_can_do_it,
    the_slot_is_ahead,
    slots.the_resources_are_of_the_facility,
    slots.every_need_is_met,
    slots.the_resources_are_open,
    slots.the_resources_are_free,
    the_patient_is_free,
    the_authorisation_covers_it,
    the_variant_is_known,
    the_antithrombotics_are_decided,
    it_is_soon_enough,
)
"""Whatever can stand against a slot. All of it is told at once."""


def the_new_slot_can_be_had(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """When it is moved to a slot, nothing stands against that slot. Without one, only the old time is given back."""
    if wanted_by(command) is not None:
        for guard in SLOT_GUARDS:
            yield from guard(facts, command)
