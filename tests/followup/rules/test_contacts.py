"""When a patient is asked after a procedure, how long an answer may take, and how long a trial lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from followup.rules.contacts import (
    answer_by,
    further_contacts,
    modality_rules,
    planned_contacts,
    schedule_rules,
    trial_days,
    trial_ends_at,
)
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind
from tests.support.records import HEAD, RECORD

BOOK = Rulebook.load()
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
TRIAL, TREATMENT = CourseKind.TRIAL, CourseKind.TREATMENT


def day(number: float) -> timedelta:
    return timedelta(days=number)


def book(**modality: Any) -> Rulebook:
    """A rulebook with one tier, one modality, and one schedule of two contacts at the same time."""
    tier = {**HEAD, "id": "TIER", "kind": "facility_tier", "tier": "T1", "capabilities": []}
    made = {
        **HEAD,
        "id": "MODALITY-ONE",
        "kind": "modality",
        "code": "ONE",
        "syndromes": ["any"],
        "procedure": "block",
        "trial": {"needed": "none"},
        "bleed_class": "low",
        "tier": "T1",
        "capabilities": [],
        "settings": ["hospital"],
        **modality,
    }
    contacts = [
        {"at": "1-2 d", "channel": "phone", "purpose": "effect"},
        {"at": "1 d", "channel": "visit", "purpose": "wound"},
        {"at": "5 d", "channel": "phone", "purpose": "effect"},
    ]
    schedule = {
        **HEAD,
        "id": "CONTACTS",
        "kind": "schedule",
        "applies_to": ["ONE"],
        "courses": ["trial"],
        "contacts": contacts,
    }
    return Rulebook([RECORD.validate_python(one) for one in (tier, made, schedule)])


def test_contacts_follow_the_schedule_of_the_modality_and_kind() -> None:
    after = [contact.after for contact in planned_contacts("CPN", TREATMENT, BOOK)]
    assert after == [day(1), day(7), day(14), day(28), day(56), day(90)]
    assert [contact.after for contact in planned_contacts("SCS", TRIAL, BOOK)] == [day(n) for n in range(1, 11)]


def test_every_schedule_of_the_rulebook_gives_contacts_in_order_each_time_once() -> None:
    for code in BOOK.modalities():
        for kind in CourseKind:
            after = [contact.after for contact in planned_contacts(code, kind, BOOK)]
            assert after == sorted(set(after))
            assert bool(after) is (BOOK.schedule(code, kind) is not None)


def test_a_contact_given_as_a_range_may_be_made_until_its_end_and_a_repeated_one_only_then() -> None:
    first = planned_contacts("CPN", TREATMENT, BOOK)[0]
    assert (first.after, first.until) == (day(1), day(3))
    assert all(contact.until == contact.after for contact in planned_contacts("SCS", TRIAL, BOOK))


def test_two_contacts_at_one_time_are_one() -> None:
    contacts = planned_contacts("ONE", TRIAL, book())
    assert [(contact.after, contact.channel) for contact in contacts] == [(day(1), "phone"), (day(5), "phone")]


def test_without_a_schedule_there_are_no_contacts() -> None:
    assert planned_contacts("IT_TRIAL", TREATMENT, BOOK) == ()
    assert schedule_rules("IT_TRIAL", TREATMENT, BOOK) == ()
    assert schedule_rules("SCS", TRIAL, BOOK) == ("CONTACTS-TRIAL-STIMULATION@1",)


def test_repeated_contacts_are_carried_on_in_their_step() -> None:
    further = further_contacts("SCS", TRIAL, BOOK, after=day(10), until=day(13))
    assert [contact.after for contact in further] == [day(11), day(12), day(13)]
    assert [one.after for one in further_contacts("SCS", TRIAL, BOOK, after=day(11), until=day(12.9))] == [day(12)]


def test_of_several_repeated_contacts_the_last_sets_the_step() -> None:
    assert [one.after for one in further_contacts("EPI", TRIAL, BOOK, after=day(28), until=day(35))] == [
        day(31),
        day(34),
    ]


def test_what_is_not_repeated_is_not_carried_on() -> None:
    assert further_contacts("PNB", TRIAL, BOOK, after=day(1), until=day(60)) == ()
    assert further_contacts("MAGIC", TRIAL, BOOK, after=day(1), until=day(60)) == ()


def test_an_answer_has_the_record_s_time_and_at_least_the_contact_s_own() -> None:
    wait = BOOK.operation("OPS-CHECK-IN-ANSWER").wait.longest
    assert answer_by(START, START, BOOK) == START + wait
    assert answer_by(START, START + day(7), BOOK) == START + day(7)


@pytest.mark.parametrize(("modality", "length"), [("PNB", 1), ("SCS", 10), ("IT_TRIAL", 7), ("PNS", 60)])
def test_a_trial_lasts_as_long_as_the_record_of_its_modality_says(modality: str, length: float) -> None:
    days = trial_days(modality, BOOK)
    assert days is not None
    assert days.default == length
    assert trial_ends_at(modality, START, BOOK) == START + day(length)


def test_a_trial_without_a_length_ends_with_its_last_contact() -> None:
    assert trial_days("ONE", book()) is None
    assert trial_ends_at("ONE", START, book()) == START + day(5)


def test_a_trial_of_which_nothing_is_known_comes_before_a_clinician_at_once() -> None:
    assert trial_ends_at("MAGIC", START, BOOK) == START
    assert modality_rules("MAGIC", BOOK) == ()
    assert modality_rules("SCS", BOOK) == ("MODALITY-SCS@1",)
