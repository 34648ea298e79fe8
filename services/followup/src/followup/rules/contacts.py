"""When a patient is asked again after a procedure, how long an answer is waited for, and how long a trial lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reliefpath.record import Contact, TrialDays
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind

ANSWER: Final = "OPS-CHECK-IN-ANSWER"


@dataclass(frozen=True, slots=True)
class Planned:
    """One contact: how long after the procedure it falls due, until when it may be made, how and what for."""

    after: timedelta
    until: timedelta
    channel: str
    purpose: str


def planned_contacts(modality: str, kind: CourseKind, rulebook: Rulebook) -> tuple[Planned, ...]:
    """The contacts after this course, in order, one at a time; empty when no record gives any."""
    schedule = rulebook.schedule(modality, kind)
    if schedule is None:
        return ()
    return _each_time_once([one for contact in schedule.contacts for one in _planned(contact)])


def further_contacts(
    modality: str, kind: CourseKind, rulebook: Rulebook, *, after: timedelta, until: timedelta
) -> tuple[Planned, ...]:
    """The repeated contacts carried on in their own step, later than `after` and not later than `until`.

    Of several repeated contacts the last one sets the step.
    """
    schedule = rulebook.schedule(modality, kind)
    repeated = [contact for contact in schedule.contacts if contact.every is not None] if schedule else []
    if not repeated:
        return ()
    contact = max(repeated, key=lambda one: one.at.longest)
    step = contact.every.longest if contact.every is not None else timedelta(0)
    if step <= timedelta(0):
        return ()
    further, offset = [], max(contact.offsets())
    while (offset := offset + step) <= until:
        if offset > after:
            further.append(Planned(offset, offset, contact.channel, contact.purpose))
    return tuple(further)


def schedule_rules(modality: str, kind: CourseKind, rulebook: Rulebook) -> tuple[str, ...]:
    """The record that gives the contacts of a course, if there is one."""
    schedule = rulebook.schedule(modality, kind)
    return () if schedule is None else (schedule.ref,)


def answer_by(now: datetime, latest: datetime, rulebook: Rulebook) -> datetime:
    """Until when an answer is waited for that is asked for now.

    As long as the record gives, and at least until the contact's own time is over.
    """
    return max(latest, now + rulebook.operation(ANSWER).wait.longest)


def trial_days(modality: str, rulebook: Rulebook) -> TrialDays | None:
    """How long a trial of this modality lasts, or None when no record says so."""
    record = rulebook.modalities().get(modality)
    return None if record is None else record.trial.days


def trial_ends_at(modality: str, performed_at: datetime, rulebook: Rulebook) -> datetime:
    """When a trial ends that nobody has extended: after the record's time, else with its last contact.

    When no record gives either, at once: then a clinician sees it and decides how long it shall last.
    """
    days = trial_days(modality, rulebook)
    if days is not None:
        return performed_at + timedelta(days=days.default)
    contacts = planned_contacts(modality, CourseKind.TRIAL, rulebook)
    return performed_at + max((contact.after for contact in contacts), default=timedelta(0))


def modality_rules(modality: str, rulebook: Rulebook) -> tuple[str, ...]:
    """The record that describes a modality, if there is one."""
    record = rulebook.modalities().get(modality)
    return () if record is None else (record.ref,)


def _planned(contact: Contact) -> list[Planned]:
    repeated = contact.every is not None
    return [
        Planned(offset, offset if repeated else contact.at.longest, contact.channel, contact.purpose)
        for offset in contact.offsets()
    ]


def _each_time_once(contacts: list[Planned]) -> tuple[Planned, ...]:
    first: dict[timedelta, Planned] = {}
    for contact in contacts:
        first.setdefault(contact.after, contact)
    return tuple(first[after] for after in sorted(first))
