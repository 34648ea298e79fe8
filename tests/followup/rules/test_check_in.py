"""When a check-in falls due, is missed, and is given up; and what makes an answer contradict itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from followup.lifecycle import CheckInState
from followup.lifecycle.check_in import Complete
from followup.rules import check_in as rules
from followup.rules.check_in import CheckInFacts, tries_are_left
from reliefpath.rulebook import Rulebook

BOOK = Rulebook.load()
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
RETRIES = BOOK.missed_contact().retries


def facts(attempts: int = 0, due_at: datetime = NOW) -> CheckInFacts:
    return CheckInFacts(CheckInState.DUE, NOW, BOOK, due_at, attempts)


def test_nobody_is_asked_before_the_time() -> None:
    assert list(rules.its_time_has_come(facts(), None)) == []
    later = facts(due_at=NOW + timedelta(seconds=1))
    assert [one.code for one in rules.its_time_has_come(later, None)] == ["not-due"]


@pytest.mark.parametrize("attempts", range(RETRIES + 3))
def test_it_is_tried_again_as_often_as_the_policy_says_and_then_given_up(attempts: int) -> None:
    again = attempts + 1 <= RETRIES
    assert tries_are_left(attempts + 1, BOOK) is again
    assert [one.code for one in rules.another_try_is_left(facts(attempts), None)] == ([] if again else ["no-try-left"])
    found = list(rules.every_try_was_made(facts(attempts), None))
    assert [one.code for one in found] == (["tries-left"] if again else [])
    assert {one.rules for one in found} <= {("CONTACT-MISSED@1",)}


@pytest.mark.parametrize(("average", "worst", "refused"), [(5, 4, True), (5, 5, False), (5, None, False)])
def test_the_worst_pain_is_not_below_the_average(average: int, worst: int | None, *, refused: bool) -> None:
    command = Complete(average_pain=average, worst_pain=worst)
    found = list(rules.the_worst_pain_is_not_below_the_average(facts(), command))
    assert [(one.code, one.pointer) for one in found] == ([("worst-below-average", "/worst_pain")] if refused else [])
    assert list(rules.the_worst_pain_is_not_below_the_average(facts(), None)) == []
