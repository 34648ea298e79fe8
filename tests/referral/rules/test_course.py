"""What a course's guards find, and that a treatment waits for its trial."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral.lifecycle import COURSE, CourseState
from referral.lifecycle.course import Authorise, Continue, Propose
from referral.rules import course as rules
from referral.rules.course import CourseFacts, Judged
from reliefpath.lifecycle import ReasonKind
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Verdict

BOOK = Rulebook.load()
NOW = datetime(2026, 11, 23, tzinfo=UTC)
FACTS = CourseFacts(
    state=CourseState.PROPOSED,
    now=NOW,
    rulebook=BOOK,
    kind=CourseKind.TREATMENT,
    modality="SCS",
    referral_state="active",
    referral_is_active=True,
)
MODALITIES = st.sampled_from(sorted(BOOK.modalities()))
TRIALS = st.lists(st.builds(Judged, MODALITIES, st.sampled_from(list(Verdict)), st.booleans()), max_size=5)


def proposal(**more: object) -> Propose:
    return Propose.model_validate({"kind": "treatment", "modality": "SCS", **more})


def test_a_trial_first_treatment_needs_a_trial_that_helped() -> None:
    [found] = rules.the_trial_comes_first(FACTS, proposal())
    assert found.code == "trial-first"
    assert found.rules == (BOOK.modalities()["SCS"].ref,)
    helped = replace(FACTS, trials=(Judged("SCS", Verdict.RESPONDER),))
    assert not list(rules.the_trial_comes_first(helped, proposal()))


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.NON_RESPONDER, Verdict.NO_DATA])
def test_a_trial_that_did_not_fully_help_counts_once_a_clinician_continued_it(verdict: Verdict) -> None:
    tried = replace(FACTS, trials=(Judged("SCS", verdict),))
    assert list(rules.the_trial_comes_first(tried, proposal()))
    continued = replace(FACTS, trials=(Judged("SCS", verdict, continued=True),))
    assert not list(rules.the_trial_comes_first(continued, proposal()))


@given(modality=MODALITIES, trials=TRIALS, kind=st.sampled_from(list(CourseKind)))
def test_no_treatment_passes_without_the_trial_its_record_asks_for(
    modality: str, trials: list[Judged], kind: CourseKind
) -> None:
    record = BOOK.modalities()[modality]
    facts = replace(FACTS, kind=kind, modality=modality, trials=tuple(trials))
    refused = [one for one in rules.the_trial_comes_first(facts, proposal()) if not one.advisory]
    helped = any(
        one.modality in record.trial.by and (one.verdict is Verdict.RESPONDER or one.continued) for one in trials
    )
    needed = kind is CourseKind.TREATMENT and record.trial_first
    assert bool(refused) == (needed and not helped)


@given(modality=MODALITIES)
def test_a_reason_waives_a_trial_only_where_the_record_lets_it(modality: str) -> None:
    record = BOOK.modalities()[modality]
    facts = replace(FACTS, modality=modality)
    found = list(rules.the_trial_comes_first(facts, proposal(waived_because="Weeks to live.")))
    assert all(one.advisory for one in found) == (not record.trial_first or record.trial_waivable)
    assert bool(found) == record.trial_first


def test_a_modality_without_a_record_is_refused_and_the_known_ones_are_named() -> None:
    [found] = rules.the_modality_is_known(replace(FACTS, modality="leeches"), None)
    assert found.pointer == "/modality"
    assert "SCS" in found.satisfy


def test_nothing_new_begins_while_the_referral_rests() -> None:
    [found] = rules.the_referral_is_active(replace(FACTS, referral_is_active=False, referral_state="on_hold"), None)
    assert "on_hold" in found.message


def test_a_course_follows_one_of_the_journey_that_is_over() -> None:
    follows = uuid4()
    [unknown] = rules.what_it_follows_is_over(replace(FACTS, follows=follows), None)
    assert unknown.code == "predecessor-unknown"
    [still_open] = rules.what_it_follows_is_over(replace(FACTS, follows=follows, predecessor_is_open=True), None)
    assert still_open.code == "predecessor-open"
    assert not list(rules.what_it_follows_is_over(replace(FACTS, follows=follows, predecessor_is_open=False), None))


@given(hours=st.integers(-1000, 1000))
def test_an_authorisation_holds_until_its_last_moment_and_no_longer(hours: int) -> None:
    facts = replace(FACTS, valid_until=NOW + timedelta(hours=hours))
    assert bool(list(rules.the_authorisation_is_valid(facts, None))) == (hours <= 0)
    command = Authorise(reference="A-1", valid_until=NOW + timedelta(hours=hours))
    assert bool(list(rules.what_was_granted_is_still_to_come(facts, command))) == (hours <= 0)


def test_an_authorisation_without_an_end_does_not_run_out() -> None:
    assert not list(rules.the_authorisation_is_valid(FACTS, None))
    assert not list(rules.what_was_granted_is_still_to_come(FACTS, Authorise(reference="A-1")))


def test_an_unknown_baseline_is_said_and_is_never_zero() -> None:
    [found] = rules.the_baseline_is_known(FACTS, None)
    assert found.advisory
    assert found.kind is ReasonKind.INCOMPLETE
    assert not list(rules.the_baseline_is_known(replace(FACTS, baseline_pain=0), None))


def test_a_treatment_is_judged_here_when_its_review_is_due_and_a_trial_never() -> None:
    assert [one.code for one in rules.its_review_is_due(FACTS, None)] == ["review-not-due"]
    assert not list(rules.its_review_is_due(replace(FACTS, review_is_due=True), None))
    trial = replace(FACTS, kind=CourseKind.TRIAL)
    assert [one.code for one in rules.it_is_a_treatment(trial, None)] == ["trial-judged-elsewhere"]
    assert [one.code for one in rules.it_is_a_trial(FACTS, None)] == ["treatment-judged-here"]


def test_going_on_needs_a_verdict_that_it_helped_or_a_recorded_reason() -> None:
    for verdict in (Verdict.RESPONDER, Verdict.PARTIAL):
        assert not list(rules.it_helped(replace(FACTS, verdict=verdict), Continue()))
    [found] = rules.it_helped(replace(FACTS, verdict=Verdict.NON_RESPONDER), Continue())
    assert found.kind is ReasonKind.UNMET
    [unknown] = rules.it_helped(replace(FACTS, verdict=Verdict.NO_DATA), None)
    assert unknown.kind is ReasonKind.INCOMPLETE
    [overridden] = rules.it_helped(replace(FACTS, verdict=Verdict.NO_DATA), Continue(override_reason="She wishes it."))
    assert overridden.advisory


def test_a_proposal_is_told_everything_that_is_wrong_with_it_at_once() -> None:
    facts = replace(FACTS, referral_is_active=False, follows=uuid4())
    found = [one.code for guard in COURSE["propose"].guards for one in guard(facts, proposal())]
    assert found == ["referral-not-active", "trial-first", "predecessor-unknown"]
