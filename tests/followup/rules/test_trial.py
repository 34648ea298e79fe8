"""When a trial is over, how long it may last, and what a verdict needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from followup.lifecycle import TrialState
from followup.lifecycle.trial import Extend, Judge
from followup.rules import trial as rules
from followup.rules.response import Observed, Suggestion, suggest
from followup.rules.trial import TrialFacts, verdict_by
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Verdict

BOOK = Rulebook.load()
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = TrialFacts(
    state=TrialState.RUNNING,
    now=NOW,
    rulebook=BOOK,
    modality="SCS",
    suggestion=Suggestion(Verdict.PARTIAL, 40.0, rules=("RESPONSE-DEFAULT@1",)),
    started_at=NOW - 4 * DAY,
    ends_at=NOW + 6 * DAY,
)


def until(moment: datetime) -> Extend:
    return Extend(until=moment, reason_code="late-responder")


@pytest.mark.parametrize(("ends_at", "over"), [(NOW, True), (NOW + DAY, False), (NOW - DAY, True), (None, False)])
def test_it_is_over_at_its_end_and_not_before(ends_at: datetime | None, *, over: bool) -> None:
    found = list(rules.its_time_is_over(replace(FACTS, ends_at=ends_at), None))
    assert [one.code for one in found] == ([] if over else ["trial-still-runs"])


def test_its_verdict_waits_for_answers_that_may_still_come() -> None:
    assert list(rules.no_answer_is_awaited(FACTS, None)) == []
    [found] = rules.no_answer_is_awaited(replace(FACTS, awaited=3), None)
    assert found.code == "answers-awaited"
    assert "3" in found.message


def test_an_extension_lies_ahead_and_makes_it_longer() -> None:
    assert list(rules.the_new_end_lies_ahead(FACTS, until(NOW + 7 * DAY))) == []
    assert list(rules.the_new_end_lies_ahead(FACTS, None)) == []
    found = list(rules.the_new_end_lies_ahead(FACTS, until(NOW)))
    assert [one.code for one in found] == ["end-in-the-past", "not-longer"]
    assert {one.pointer for one in found} == {"/until"}
    assert [one.code for one in rules.the_new_end_lies_ahead(FACTS, until(NOW + 6 * DAY))] == ["not-longer"]


@pytest.mark.parametrize(("days", "told"), [(10, False), (10.01, True)])
def test_longer_than_the_record_s_range_is_told_and_not_refused(days: float, *, told: bool) -> None:
    assert FACTS.started_at is not None
    found = list(rules.it_stays_within_the_usual_length(FACTS, until(FACTS.started_at + days * DAY)))
    assert [(one.code, one.advisory, one.rules) for one in found] == (
        [("longer-than-usual", True, ("MODALITY-SCS@1",))] if told else []
    )


def test_no_length_is_usual_where_no_record_gives_one() -> None:
    far = until(NOW + 300 * DAY)
    assert list(rules.it_stays_within_the_usual_length(replace(FACTS, modality="MAGIC"), far)) == []
    assert list(rules.it_stays_within_the_usual_length(FACTS, None)) == []


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        (Judge(verdict=Verdict.PARTIAL), False),
        (Judge(verdict=Verdict.RESPONDER), True),
        (Judge(verdict=Verdict.RESPONDER, reason="Walks again."), False),
        (Judge(verdict=Verdict.NO_DATA), True),
        (None, False),
    ],
)
def test_another_verdict_than_the_suggested_has_a_reason(command: Judge | None, *, refused: bool) -> None:
    found = list(rules.another_verdict_than_suggested_has_a_reason(FACTS, command))
    assert [(one.code, one.pointer, one.rules) for one in found] == (
        [("reason-needed", "/reason", ("RESPONSE-DEFAULT@1",))] if refused else []
    )


def test_what_the_answers_leave_open_is_advice_and_refuses_nothing() -> None:
    unknown = replace(FACTS, suggestion=suggest(Observed("SCS"), BOOK))
    found = list(rules.what_the_answers_leave_open(unknown, None))
    assert [one.code for one in found] == ["no-answers", "baseline-unknown"]
    assert all(one.advisory for one in found)


def test_a_verdict_is_expected_within_the_record_s_time() -> None:
    assert verdict_by(NOW, BOOK) == NOW + BOOK.operation("OPS-VERDICT").wait.longest
