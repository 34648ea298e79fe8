"""What else stands in the way of an action."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Purpose, Urgency
from scheduling.rules import appointment as rules
from scheduling.rules.facts import Wanted
from scheduling.rules.hours import Interval
from tests.support.visits import (
    NOW,
    Wish,
    at,
    between,
    centre,
    clinician,
    codes,
    facts,
    found,
    held,
    procedure,
    room,
    wish,
)


@dataclass(frozen=True)
class Asking:
    wanted: Wanted
    answer_by: datetime | None = None


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("purpose", [Purpose.ASSESSMENT, Purpose.PROCEDURE])
def test_every_urgency_has_a_time_by_which_somebody_is_to_be_seen(urgency: Urgency, purpose: Purpose) -> None:
    level = Rulebook.load().service_level(urgency)
    promised = rules.see_by(Rulebook.load(), urgency, purpose, NOW)
    assert promised is not None
    wait = (level.procedure if purpose is Purpose.PROCEDURE else level.assessment) or level.contact
    assert wait is not None
    assert promised == (NOW + wait.longest, level.ref)


def test_a_facility_that_nobody_listed_takes_no_appointments() -> None:
    assert codes(rules.the_facility_is_listed, facts(facility=None)) == ["facility-unlisted"]
    assert codes(rules.the_facility_is_listed, facts()) == []


def test_every_capability_that_the_modality_requires_and_the_facility_lacks_is_told() -> None:
    modality = Rulebook.load().modalities()["SCS"]
    told = found(rules.the_facility_can_do_it, procedure("SCS", facility=centre("mri_24h")))
    assert len(told) == len(set(modality.capabilities) - {"mri_24h"})
    assert {one.code for one in told} == {"capability-missing"}
    assert all(one.rules == (modality.ref,) for one in told)
    assert codes(rules.the_facility_can_do_it, procedure("SCS")) == []


def test_an_assessment_requires_no_capability() -> None:
    assert codes(rules.the_facility_can_do_it, facts(facility=centre("tea"))) == []


def test_a_modality_no_record_describes_cannot_be_booked() -> None:
    assert codes(rules.the_facility_can_do_it, procedure("HOMEOPATHY")) == ["modality-unknown"]


def test_nothing_is_booked_into_the_past() -> None:
    assert codes(rules.the_slot_is_ahead, facts(), wish(5, 6)) == ["slot-in-the-past"]
    assert codes(rules.the_slot_is_ahead, facts(), wish(6, 7)) == []


def test_a_patient_is_not_in_two_places_at_once() -> None:
    elsewhere = facts(other_visits=(between(9.5, 10),))
    (told,) = found(rules.the_patient_is_free, elsewhere, wish(9, 10))
    assert (told.code, told.pointer) == ("patient-elsewhere", "/starts_at")
    assert codes(rules.the_patient_is_free, elsewhere, wish(10, 11)) == []


def test_a_procedure_begins_while_its_authorisation_is_valid() -> None:
    until_noon = procedure(valid_until=at(12))
    assert codes(rules.the_authorisation_covers_it, until_noon, wish(12.5, 13)) == ["authorisation-expired"]
    assert codes(rules.the_authorisation_covers_it, until_noon, wish(12, 13)) == []
    assert codes(rules.the_authorisation_covers_it, procedure(), wish(9, 10, day=900)) == []


def test_an_authorisation_that_ran_out_is_told_beforehand() -> None:
    assert codes(rules.the_authorisation_covers_it, procedure(valid_until=at(5))) == ["authorisation-expired"]


def test_a_slot_later_than_promised_is_told_and_refuses_nothing() -> None:
    (told,) = found(rules.it_is_soon_enough, facts(see_by=at(8), urgency=Urgency.SOON), wish(9, 10))
    assert (told.code, told.advisory, told.rules) == ("later-than-promised", True, ("LEVEL-SOON@1",))
    assert codes(rules.it_is_soon_enough, facts(see_by=at(9)), wish(9, 10)) == []


@pytest.mark.parametrize("hour", [5.0, 6.0, 9.5])
def test_an_offer_gives_time_to_answer_before_the_slot_begins(hour: float) -> None:
    asking = Asking(wanted=wish(9, 10).wanted or Wanted(between(9, 10), ()), answer_by=at(hour))
    assert codes(rules.there_is_time_to_answer, facts(), asking) == ["answer-by"]


def test_an_offer_may_be_answered_until_its_slot_begins() -> None:
    slot = Wanted(between(9, 10), ())
    assert codes(rules.there_is_time_to_answer, facts(), Asking(slot, at(9))) == []
    assert codes(rules.there_is_time_to_answer, facts(), Asking(slot)) == []


def test_an_offer_that_ran_out_cannot_be_taken() -> None:
    assert codes(rules.the_offer_still_stands, facts(answer_by=at(5))) == ["offer-over"]
    assert codes(rules.the_offer_still_stands, facts(answer_by=at(6))) == []


def test_what_was_decided_after_an_offer_counts_when_it_is_taken() -> None:
    offered = procedure(
        slot=Interval(at(9), at(10)), antithrombotics=("warfarin",), decisions=held("warfarin", 5), valid_until=at(8)
    )
    assert codes(rules.its_slot_still_fits, offered) == ["authorisation-expired", "hold-too-short"]
    told = found(rules.what_may_hinder_it_is_told, offered)
    assert [one.code for one in told] == ["authorisation-expired", "hold-too-short"]
    assert all(one.advisory for one in told)


def test_a_procedure_does_not_begin_sooner_after_a_dose_than_was_decided() -> None:
    taken = procedure(antithrombotics=("warfarin",), decisions=held("warfarin", -5, day=-1), slot=between(6, 7))
    (told,) = found(rules.the_drugs_allow_it_to_begin, taken)
    assert (told.code, told.pointer, told.advisory) == ("hold-too-short", None, False)
    long_ago = procedure(antithrombotics=("warfarin",), decisions=held("warfarin", 0, day=-9), slot=between(6, 7))
    assert codes(rules.the_drugs_allow_it_to_begin, long_ago) == []


def test_a_procedure_does_not_begin_with_a_drug_that_came_to_light_and_nobody_decided_about() -> None:
    assert codes(rules.the_drugs_allow_it_to_begin, procedure(antithrombotics=("apixaban",))) == ["hold-undecided"]


def test_nobody_arrives_before_the_day_as_its_place_counts_days() -> None:
    tomorrow = facts(slot=between(9, 10, day=1), facility=centre(zone="Europe/Vienna"))
    assert codes(rules.its_day_has_come, tomorrow) == ["too-early"]
    late_today = facts(slot=between(9, 10, day=1), facility=centre(zone="Pacific/Auckland"), now=at(12))
    assert codes(rules.its_day_has_come, late_today) == []


def test_nobody_has_missed_what_has_not_begun() -> None:
    assert codes(rules.its_time_has_come, facts(slot=between(9, 10))) == ["not-begun"]
    assert codes(rules.its_time_has_come, facts(slot=between(6, 7))) == []


def test_a_slot_is_told_everything_that_stands_against_it_at_once() -> None:
    bad = procedure(
        facility=centre("ultrasound"),
        resources=(room(busy=(between(4, 6),)), clinician(busy=(between(5, 6),))),
        other_visits=(between(5, 6),),
        antithrombotics=("warfarin", "snake-oil"),
        valid_until=at(4),
        see_by=at(3),
    )
    told = {one for guard in rules.SLOT_GUARDS for one in codes(guard, bad, wish(5, 6, variant="sideways"))}
    assert told == {
        "capability-missing",
        "slot-in-the-past",
        "need-unavailable",
        "resource-closed",
        "resource-taken",
        "patient-elsewhere",
        "authorisation-expired",
        "variant-unknown",
        "hold-undecided",
        "hold-unknown",
        "later-than-promised",
    }


def test_moving_to_a_time_that_has_yet_to_be_found_is_not_measured_by_any_slot() -> None:
    bad = procedure(antithrombotics=("snake-oil",), valid_until=at(4))
    assert codes(rules.the_new_slot_can_be_had, bad, Wish(None)) == []
    assert codes(rules.the_new_slot_can_be_had, bad, wish()) != []
