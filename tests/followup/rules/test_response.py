"""What answers suggest: thresholds and their boundaries, what is undefined, which answer counts, what is advised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.rules.response import Observed, Reading, Window, grade, gradings_of, relief, suggest, window_of
from reliefpath.record import Response
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Verdict

BOOK = Rulebook.load()
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
DEFAULT = BOOK.record("RESPONSE-DEFAULT", Response)
SMITH = BOOK.record("RESPONSE-SMITH", Response)
GOAL = BOOK.record("RESPONSE-GOAL", Response)
R, P, N, NONE = Verdict.RESPONDER, Verdict.PARTIAL, Verdict.NON_RESPONDER, Verdict.NO_DATA
scores = st.integers(0, 10)


def reading(pain: int, day: float = 1) -> Reading:
    return Reading(uuid4(), START + timedelta(days=day), pain)


def observed(
    *readings: Reading,
    baseline: int | None = 8,
    goal: int | None = None,
    modality: str = "SCS",
    window: Window | None = None,
) -> Observed:
    return Observed(modality, readings, baseline, goal, window)


def days(opens: float, closes: float) -> Window:
    return Window(START + timedelta(days=opens), START + timedelta(days=closes))


@pytest.mark.parametrize(
    ("modality", "baseline", "now", "verdict", "percent"),
    [
        ("SCS", 10, 0, R, 100.0),
        ("SCS", 10, 5, R, 50.0),  # exactly half the pain gone
        ("SCS", 10, 6, P, 40.0),
        ("SCS", 10, 7, P, 30.0),  # exactly the mark of a partial response
        ("SCS", 10, 8, N, 20.0),
        ("SCS", 9, 5, P, 44.4),
        ("SCS", 7, 5, N, 28.6),
        ("SCS", 6, 6, N, 0.0),
        ("SCS", 1, 10, N, -900.0),
        ("IT_TRIAL", 10, 8, R, 20.0),  # another record, another mark
        ("IT_TRIAL", 9, 8, N, 11.1),  # and it knows no partial response
        ("SCS", 1, 0, R, 100.0),
    ],
)
def test_relief_is_graded_by_the_record_of_the_modality(
    modality: str, baseline: int, now: int, verdict: Verdict, percent: float
) -> None:
    found = suggest(observed(reading(now), baseline=baseline, modality=modality), BOOK)
    assert (found.verdict, found.relief) == (verdict, percent)
    assert found.advice == ()
    assert found.rules == (BOOK.response(modality).ref, GOAL.ref)


def test_the_marks_are_the_records_own() -> None:
    assert (DEFAULT.responder_percent, DEFAULT.partial_percent, SMITH.responder_percent) == (50, 30, 20)


@pytest.mark.parametrize(
    ("baseline", "goal", "now", "verdict"),
    [
        (5, 4, 4, R),  # a fifth less, and the goal is reached
        (5, 4, 3, R),
        (5, 3, 4, N),  # a fifth less, and it is not
        (4, 4, 4, N),  # it was reached before: nothing changed
        (3, 4, 3, N),
        (5, None, 4, N),
    ],
)
def test_reaching_the_personal_goal_is_a_response_if_the_pain_was_above_it_before(
    baseline: int, goal: int | None, now: int, verdict: Verdict
) -> None:
    assert suggest(observed(reading(now), baseline=baseline, goal=goal), BOOK).verdict is verdict


@pytest.mark.parametrize(("baseline", "code"), [(None, "baseline-unknown"), (0, "baseline-zero")])
def test_without_a_baseline_relief_is_undefined_and_nobody_knows(baseline: int | None, code: str) -> None:
    found = suggest(observed(reading(0), baseline=baseline, goal=3), BOOK)
    assert (found.verdict, found.relief) == (NONE, None)
    assert [finding.code for finding in found.advice] == [code]
    assert found.reading is not None
    assert found.reading.pain == 0


def test_no_answer_is_no_data_and_never_no_response() -> None:
    found = suggest(observed(), BOOK)
    assert (found.verdict, found.relief, found.reading) == (NONE, None, None)
    assert [finding.code for finding in found.advice] == ["no-answers"]


def test_everything_that_is_unknown_is_told_at_once() -> None:
    found = suggest(observed(baseline=None, modality="MAGIC"), BOOK)
    assert [finding.code for finding in found.advice] == ["modality-ungraded", "no-answers", "baseline-unknown"]
    assert found.verdict is NONE
    assert all(finding.advisory for finding in found.advice)


def test_the_newest_answer_counts_whatever_the_order_they_came_in() -> None:
    found = suggest(observed(reading(2, day=3), reading(8, day=1), reading(7, day=2)), BOOK)
    assert found.verdict is R
    assert found.reading is not None
    assert found.reading.pain == 2
    assert found.advice == ()


def test_an_answer_within_the_window_counts_before_a_newer_one_and_a_change_since_is_told() -> None:
    found = suggest(observed(reading(2, day=30), reading(8, day=90), window=days(23, 37)), BOOK)
    assert (found.verdict, found.relief) == (R, 75.0)
    assert [finding.code for finding in found.advice] == ["effect-changed"]


def test_a_newer_answer_of_the_same_grade_needs_no_word() -> None:
    assert suggest(observed(reading(2, day=30), reading(3, day=90), window=days(23, 37)), BOOK).advice == ()


def test_without_an_answer_in_the_window_the_newest_counts_and_that_is_told() -> None:
    found = suggest(observed(reading(8, day=1), reading(4, day=7), window=days(23, 37)), BOOK)
    assert (found.verdict, found.relief) == (R, 50.0)
    assert [finding.code for finding in found.advice] == ["answer-outside-window"]


@pytest.mark.parametrize(("day", "within"), [(22.9, False), (23, True), (37, True), (37.1, False)])
def test_both_ends_belong_to_the_window(day: float, *, within: bool) -> None:
    assert (START + timedelta(days=day) in days(23, 37)) is within


def test_after_a_treatment_the_window_lies_around_the_record_s_time() -> None:
    assert window_of("SCS", CourseKind.TREATMENT, START, None, BOOK) == days(23, 37)


def test_in_a_trial_the_window_is_its_end() -> None:
    ends_at = START + timedelta(days=10)
    assert window_of("SCS", CourseKind.TRIAL, START, ends_at, BOOK) == days(3, 10)
    assert window_of("SCS", CourseKind.TRIAL, START, None, BOOK) is None


def test_a_record_without_a_window_lets_any_answer_count() -> None:
    for kind in CourseKind:
        assert window_of("IT_TRIAL", kind, START, START, BOOK) is None
        assert window_of("MAGIC", kind, START, START, BOOK) is None


def test_a_modality_is_graded_by_its_own_record_and_by_the_goal() -> None:
    assert gradings_of("SCS", BOOK) == (DEFAULT, GOAL)
    assert gradings_of("MAGIC", BOOK) == ()


@given(baseline=st.none() | scores, pain=scores, goal=st.none() | scores)
def test_a_verdict_is_there_exactly_when_relief_is_defined(baseline: int | None, pain: int, goal: int | None) -> None:
    found = suggest(observed(reading(pain), baseline=baseline, goal=goal), BOOK)
    assert (found.verdict is NONE) is (relief(baseline, pain) is None) is (not baseline)


@given(baseline=st.integers(1, 10), pain=st.integers(1, 10), goal=st.none() | scores)
def test_less_pain_is_never_graded_worse(baseline: int, pain: int, goal: int | None) -> None:
    order = [N, P, R]
    asked = observed(baseline=baseline, goal=goal)
    gradings = gradings_of("SCS", BOOK)
    assert order.index(grade(pain - 1, asked, gradings)) >= order.index(grade(pain, asked, gradings))
