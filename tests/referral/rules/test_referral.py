"""What a referral's guards find: everything at once, and nothing that is not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from referral.lifecycle import REFERRAL, ReferralState
from referral.lifecycle.referral import Accept
from referral.rules import referral as rules
from referral.rules.referral import Destination, ReferralFacts
from referral.rules.triage import Proposal
from reliefpath.lifecycle import Finding, ReasonKind, Refused
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role, Side, Urgency

LACKS = (
    Finding(
        code="pain-score", message="No pain score.", satisfy="Send one.", kind=ReasonKind.INCOMPLETE, rules=("R@1",)
    ),
    Finding(code="opioid-history", message="No opioid.", satisfy="Send them.", kind=ReasonKind.INCOMPLETE),
)
LATER = Finding(code="platelets", message="No count.", satisfy="Send one.", kind=ReasonKind.INCOMPLETE, advisory=True)
FACTS = ReferralFacts(
    state=ReferralState.RECEIVED,
    now=datetime(2026, 11, 23, tzinfo=UTC),
    rulebook=Rulebook.load(),
    sides=frozenset({Side.RECEIVER}),
)


def test_everything_essential_that_is_missing_is_told_at_once() -> None:
    found = list(rules.nothing_essential_is_missing(replace(FACTS, missing=LACKS), None))
    assert [one.code for one in found] == ["pain-score", "opioid-history"]
    assert not any(one.advisory for one in found)


def test_what_is_wanted_only_before_a_procedure_never_keeps_a_referral_from_being_accepted() -> None:
    facts = replace(FACTS, missing=(LATER,))
    command = Accept(urgency=Urgency.ROUTINE)
    target, advice = REFERRAL.decide("accept", facts, role=Role.COORDINATOR, command=command)
    assert target is ReferralState.ACCEPTED
    assert [one.code for one in advice] == ["platelets"]


def test_a_recorded_reason_accepts_what_is_incomplete_and_the_gaps_stay_visible() -> None:
    facts = replace(FACTS, missing=LACKS)
    with pytest.raises(Refused):
        REFERRAL.decide("accept", facts, role=Role.COORDINATOR, command=Accept(urgency=Urgency.SOON))
    command = Accept(urgency=Urgency.SOON, override_reason="The family doctor told me by phone.")
    _, advice = REFERRAL.decide("accept", facts, role=Role.COORDINATOR, command=command)
    assert [one.code for one in advice] == ["pain-score", "opioid-history"]


def test_a_sender_is_told_what_is_missing_and_never_held_back_for_it() -> None:
    facts = replace(FACTS, state=ReferralState.DRAFT, missing=LACKS, destination=Destination("pain", accepting=True))
    target, advice = REFERRAL.decide("send", facts, role=Role.REFERRER)
    assert target is ReferralState.REQUESTED
    assert len(advice) == len(LACKS)


def test_an_urgency_below_the_proposal_is_shown_and_refuses_nothing() -> None:
    proposal = Proposal(Urgency.URGENT, (LACKS[0],))
    facts = replace(FACTS, proposal=proposal)
    [found] = rules.the_urgency_is_not_below_the_proposal(facts, Accept(urgency=Urgency.ROUTINE))
    assert found.advisory
    assert found.rules == ("R@1",)
    assert not list(rules.the_urgency_is_not_below_the_proposal(facts, Accept(urgency=Urgency.EMERGENCY)))
    assert not list(rules.the_urgency_is_not_below_the_proposal(facts, None))


def test_a_redirection_goes_somewhere_else_that_accepts() -> None:
    facts = replace(FACTS, destination=Destination("here", accepting=False, present=True))
    found = list(rules.the_destination_takes_referrals(facts, None))
    assert [one.code for one in found] == ["facility-the-same", "facility-not-accepting"]


def test_only_the_other_side_answers_a_request_to_cancel() -> None:
    asked_by_us = replace(FACTS, cancellation_by=Side.RECEIVER)
    [found] = rules.the_other_side_answers(asked_by_us, None)
    assert found.kind is ReasonKind.SIDE
    assert not list(rules.the_other_side_answers(replace(FACTS, cancellation_by=Side.SENDER), None))
    both = replace(asked_by_us, sides=frozenset(Side))
    assert not list(rules.the_other_side_answers(both, None))


def test_who_only_sees_the_journey_stands_on_no_side() -> None:
    [found] = rules.the_caller_stands_on_a_side(replace(FACTS, sides=frozenset()), None)
    assert found.kind is ReasonKind.SIDE


def test_every_open_course_keeps_a_referral_from_being_completed() -> None:
    found = list(
        rules.no_course_is_open(replace(FACTS, open_courses=("SCS (trial), observing", "PNB (trial), judged")), None)
    )
    assert len(found) == 2


def test_nobody_is_begun_with_after_their_death() -> None:
    assert list(rules.the_patient_is_alive(replace(FACTS, alive=False), None))


def test_time_alone_ends_only_what_nobody_has_taken_up() -> None:
    waiting = replace(FACTS, state=ReferralState.AWAITING_INFORMATION, returns_to=ReferralState.RECEIVED)
    assert REFERRAL.decide("expire", waiting, role=Role.SYSTEM)[0] is ReferralState.EXPIRED
    with pytest.raises(Refused):
        REFERRAL.decide("expire", replace(waiting, in_care=True), role=Role.SYSTEM)


def test_a_draft_that_was_thrown_away_is_not_reopened() -> None:
    assert list(rules.it_had_been_sent(replace(FACTS, was_sent=False), None))


def test_every_finding_says_what_would_satisfy_it() -> None:
    facts = replace(
        FACTS,
        alive=False,
        was_sent=False,
        in_care=True,
        sides=frozenset(),
        missing=LACKS,
        open_courses=("PNB (trial), judged",),
        destination=Destination("here", accepting=False, present=True),
    )
    guards = {guard for transition in REFERRAL.transitions for guard in transition.guards}
    found = [finding for guard in guards for finding in guard(facts, None)]
    assert len(found) >= 9
    assert all(one.satisfy and one.message.endswith(".") for one in found)
