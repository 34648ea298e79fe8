"""Antithrombotics before a procedure: decided together with the prescriber, compared with the records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from reliefpath.lifecycle import ReasonKind
from reliefpath.record import BleedClass
from reliefpath.rulebook import Rulebook
from scheduling.rules import holds
from scheduling.rules.facts import HoldDecision
from scheduling.rules.holds import Asks, bleed_class_of, earliest_safe, hold_plans, plan_of
from tests.support.visits import at, codes, facts, found, held, procedure, wish

BOOK = Rulebook.load()
DAY = timedelta(days=1)
decided = holds.the_antithrombotics_are_decided


@dataclass(frozen=True)
class Begin:
    confirmed: tuple[str, ...] = ()


def strictest(drug: str, bleed_class: BleedClass, form: str | None = None, kidneys: bool = True) -> timedelta:
    """The longest interval any record gives: what the code has to arrive at by itself."""
    lengths = []
    for hold in BOOK.holds(drug, bleed_class, form=form):
        rule = hold.by_class[bleed_class]
        lengths += [rule.before.longest] if rule.before else []
        lengths += [rule.before_if_renal_impairment.longest] if kidneys and rule.before_if_renal_impairment else []
    return max(lengths)


def test_the_bleed_class_is_the_modalitys_or_its_variants() -> None:
    assert bleed_class_of(procedure("PNB")) is BleedClass.LOW
    assert bleed_class_of(procedure("PNB"), "deep") is BleedClass.INTERMEDIATE
    assert bleed_class_of(procedure("PNB", variant="deep")) is BleedClass.INTERMEDIATE
    assert bleed_class_of(facts()) is None


def test_guidelines_that_differ_stand_side_by_side_and_the_strictest_counts() -> None:
    plan = plan_of("rivaroxaban", BleedClass.HIGH, None, BOOK)
    assert plan.asks is Asks.A_HOLD
    assert plan.before == strictest("rivaroxaban", BleedClass.HIGH)
    assert len(plan.rules) >= 3


def test_a_form_that_was_named_leaves_other_forms_out() -> None:
    prophylactic = HoldDecision("enoxaparin", True, last_dose_at=at(0), form="prophylactic", renal_impairment=False)
    plan = plan_of("enoxaparin", BleedClass.HIGH, prophylactic, BOOK)
    assert plan.before == strictest("enoxaparin", BleedClass.HIGH, "prophylactic")
    assert plan.before < strictest("enoxaparin", BleedClass.HIGH)


def test_unknown_kidneys_count_as_impaired() -> None:
    unknown = plan_of("dabigatran", BleedClass.INTERMEDIATE, None, BOOK)
    well = HoldDecision("dabigatran", True, last_dose_at=at(0), renal_impairment=False)
    assert unknown.before == strictest("dabigatran", BleedClass.INTERMEDIATE)
    known = plan_of("dabigatran", BleedClass.INTERMEDIATE, well, BOOK)
    assert known.before == strictest("dabigatran", BleedClass.INTERMEDIATE, kidneys=False)
    assert known.before < unknown.before


@pytest.mark.parametrize("drug", ["snake-oil", "phenprocoumon"])
def test_a_drug_no_record_speaks_of_is_unknown_and_never_nothing(drug: str) -> None:
    assert plan_of(drug, BleedClass.LOW, None, BOOK).asks is Asks.UNKNOWN


def test_a_drug_whose_records_leave_this_class_out_is_unknown() -> None:
    assert plan_of("tinzaparin", BleedClass.HIGH, None, BOOK).asks is Asks.A_HOLD
    assert plan_of("tinzaparin", BleedClass.LOW, None, BOOK).asks is Asks.UNKNOWN


def test_before_an_assessment_nothing_is_held() -> None:
    assert hold_plans(facts(antithrombotics=("warfarin",))) == ()
    assert codes(decided, facts(antithrombotics=("warfarin",)), wish()) == []


def test_every_drug_about_which_nothing_was_decided_is_told_at_once() -> None:
    told = found(decided, procedure("SCS", antithrombotics=("warfarin", "apixaban", "snake-oil")))
    assert {one.code for one in told} == {"hold-undecided", "hold-unknown"}
    assert len(told) == 3
    assert all(one.kind is ReasonKind.INCOMPLETE and not one.advisory for one in told)
    assert all(one.rules for one in told if one.code == "hold-undecided")


def test_a_drug_that_the_records_do_not_hold_needs_no_decision() -> None:
    assert codes(decided, procedure("PNB", antithrombotics=("aspirin",)), wish()) == []


def test_where_the_records_leave_it_open_it_is_only_advised_to_decide() -> None:
    (told,) = found(decided, procedure("PNB", antithrombotics=("clopidogrel",)))
    assert (told.code, told.advisory) == ("hold-undecided", True)


def test_a_slot_sooner_after_the_last_dose_than_the_records_say_is_refused_with_the_earliest_time() -> None:
    place = procedure("SCS", antithrombotics=("apixaban",), decisions=held("apixaban", 20, day=-1))
    earliest = at(20, day=-1) + strictest("apixaban", BleedClass.HIGH)
    assert earliest_safe(place) == earliest
    (told,) = found(decided, place, wish(9, 10, day=1))
    assert (told.code, told.pointer, told.kind) == ("hold-too-short", "/starts_at", ReasonKind.UNMET)
    assert earliest.isoformat() in told.satisfy
    assert codes(decided, place, wish(9, 10, day=4)) == []


def test_the_moment_the_interval_is_over_is_late_enough() -> None:
    place = procedure("SCS", antithrombotics=("apixaban",), decisions=held("apixaban", 9))
    days = strictest("apixaban", BleedClass.HIGH) // DAY
    assert codes(decided, place, wish(9, 10, day=days)) == []
    assert codes(decided, place, wish(8.99, 10, day=days)) == ["hold-too-short"]


def test_a_variant_that_bleeds_worse_lengthens_the_interval() -> None:
    place = procedure("PNB", antithrombotics=("warfarin",), decisions=held("warfarin", 9))
    assert codes(decided, place, wish(9, 10, day=1)) == []
    assert codes(decided, place, wish(9, 10, day=1, variant="deep")) == ["hold-too-short"]


def test_a_hold_of_a_drug_no_record_speaks_of_stays_incomplete() -> None:
    place = procedure("SCS", antithrombotics=("snake-oil",), decisions=held("snake-oil", 0, day=-9))
    assert codes(decided, place, wish()) == ["hold-unknown"]


def test_a_recorded_discussion_is_enough_and_stays_visible() -> None:
    for drug in ("warfarin", "snake-oil"):
        talk = {drug: HoldDecision(drug, False)}
        (told,) = found(decided, procedure("SCS", antithrombotics=(drug,), decisions=talk), wish())
        assert (told.code, told.advisory) == ("hold-decided-otherwise", True)


def test_a_time_agreed_in_a_discussion_counts_as_the_records_would() -> None:
    talk = {"warfarin": HoldDecision("warfarin", False, not_before=at(12))}
    place = procedure("SCS", antithrombotics=("warfarin",), decisions=talk)
    assert "hold-too-short" in codes(decided, place, wish(9, 10))
    assert "hold-too-short" not in codes(decided, place, wish(12, 13))


def test_the_latest_of_all_earliest_times_is_the_safe_one() -> None:
    place = procedure(
        "SCS", antithrombotics=("apixaban", "warfarin"), decisions=held("apixaban", 9) | held("warfarin", 9)
    )
    assert earliest_safe(place) == at(9) + strictest("warfarin", BleedClass.HIGH)


def test_a_variant_no_record_describes_is_refused() -> None:
    assert codes(holds.the_variant_is_known, procedure("PNB"), wish(variant="sideways")) == ["variant-unknown"]
    assert codes(holds.the_variant_is_known, procedure("SCS"), wish(variant="sideways")) == ["variant-unknown"]
    assert codes(holds.the_variant_is_known, procedure("PNB"), wish(variant="deep")) == []


def test_a_scheduler_is_told_that_some_variants_bleed_worse() -> None:
    place = procedure("PNB", antithrombotics=("warfarin",))
    (told,) = found(holds.the_variant_is_known, place, wish())
    assert (told.code, told.advisory) == ("variant-bleeds-worse", True)
    assert "deep" in told.message
    assert codes(holds.the_variant_is_known, procedure("PNB"), wish()) == []


def test_a_held_drug_that_also_needs_a_laboratory_value_waits_for_it_at_the_beginning() -> None:
    place = procedure("SCS", antithrombotics=("warfarin",), decisions=held("warfarin", 9))
    (told,) = found(holds.what_holds_need_is_confirmed, place)
    assert (told.code, told.kind, told.pointer) == ("need-unconfirmed", ReasonKind.INCOMPLETE, "/confirmed")
    assert codes(holds.what_holds_need_is_confirmed, place, Begin(("normal_inr",))) == []


def test_what_was_confirmed_with_the_hold_is_not_asked_again() -> None:
    place = procedure(
        "SCS", antithrombotics=("warfarin",), decisions=held("warfarin", 9, confirmed=frozenset({"normal_inr"}))
    )
    assert codes(holds.what_holds_need_is_confirmed, place) == []


def test_what_was_discussed_instead_of_held_needs_nothing_confirmed() -> None:
    talk = {"warfarin": HoldDecision("warfarin", False)}
    assert (
        codes(holds.what_holds_need_is_confirmed, procedure("SCS", antithrombotics=("warfarin",), decisions=talk)) == []
    )
