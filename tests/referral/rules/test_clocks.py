"""Which deadlines run in which state, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from referral.lifecycle import ReferralState
from referral.rules.clocks import Clock, assessment_due, clocks_of, triage_due
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Urgency

BOOK = Rulebook.load()
SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize("state", list(ReferralState))
def test_each_state_runs_the_clocks_of_what_is_waited_for(state: ReferralState) -> None:
    running = set(clocks_of(state, Urgency.URGENT, SINCE, NOW, BOOK))
    expected = {
        ReferralState.REQUESTED: {Clock.UNANSWERED, Clock.TRIAGE},
        ReferralState.RECEIVED: {Clock.TRIAGE},
        ReferralState.ACCEPTED: {Clock.ASSESSMENT},
        ReferralState.AWAITING_INFORMATION: {Clock.INFORMATION},
    }
    assert running == expected.get(state, set())


def test_service_levels_count_from_the_first_clock_and_answers_from_now() -> None:
    running = clocks_of("requested", Urgency.SOON, SINCE, NOW, BOOK)
    level = BOOK.service_level(Urgency.SOON)
    assert level.triage is not None
    assert running[Clock.TRIAGE] == SINCE + level.triage.longest
    assert running[Clock.UNANSWERED] == NOW + BOOK.operation("OPS-REFERRAL-UNANSWERED").wait.longest


def test_the_more_urgent_the_earlier_it_is_due() -> None:
    due = [triage_due(urgency, SINCE, BOOK) for urgency in Urgency]
    assert due == sorted(due, key=lambda one: one or SINCE)
    seen = [assessment_due(urgency, SINCE, BOOK) for urgency in (Urgency.URGENT, Urgency.SOON, Urgency.ROUTINE)]
    assert seen == sorted(seen, key=lambda one: one or SINCE)


def test_in_an_emergency_the_clock_of_the_first_contact_runs() -> None:
    due = triage_due(Urgency.EMERGENCY, SINCE, BOOK)
    assert due is not None
    assert due - SINCE <= timedelta(hours=1)


def test_without_a_known_urgency_the_clock_of_a_routine_referral_runs() -> None:
    assert clocks_of("received", None, SINCE, NOW, BOOK) == clocks_of("received", Urgency.ROUTINE, SINCE, NOW, BOOK)
