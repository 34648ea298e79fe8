"""A consumer is judged by whether it moves and by the age of what it has not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.streams import History, Lag, Observation, Status, Trend, read, together

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def seen(second: float, next: int, end: int, seconds: float = 0.0) -> Observation:
    return Observation(NOON + timedelta(seconds=second), next, end, seconds)


def judged(*observations: Observation, after: float = 1) -> Lag:
    return read(observations, observations[-1].at + timedelta(seconds=after))


def test_a_consumer_that_has_read_everything_is_current() -> None:
    assert judged(seen(0, 10, 10)) == Lag(0, 0.0, Status.CURRENT, Trend.UNKNOWN)


def test_one_look_tells_how_far_behind_but_not_where_it_is_going() -> None:
    assert judged(seen(0, 4, 10, 7.5)) == Lag(6, 7.5, Status.BEHIND, Trend.UNKNOWN)


def test_a_consumer_that_catches_up_is_said_to_clear_in_so_many_seconds() -> None:
    lag = judged(seen(0, 0, 100, 30), seen(10, 80, 100, 20))
    assert (lag.status, lag.trend) == (Status.BEHIND, Trend.SHRINKING)
    assert lag.clears_in == pytest.approx(2.5)


def test_a_consumer_that_moves_more_slowly_than_the_topic_grows() -> None:
    lag = judged(seen(0, 0, 100), seen(10, 50, 300))
    assert (lag.status, lag.trend, lag.clears_in) == (Status.BEHIND, Trend.GROWING, None)


def test_a_consumer_with_unread_messages_that_does_not_move_stands_still() -> None:
    assert judged(seen(0, 5, 9), seen(5, 5, 9)).status is Status.BEHIND
    assert judged(seen(0, 5, 9), seen(5, 5, 9), seen(10, 5, 9)).status is Status.STALLED


def test_a_message_that_has_just_come_is_no_standstill_however_long_nothing_came_before() -> None:
    assert judged(seen(0, 9, 9), seen(60, 9, 9), seen(62, 9, 10)).status is Status.BEHIND


def test_a_consumer_that_nobody_observes_is_never_called_current() -> None:
    assert judged(seen(0, 10, 10), after=60).status is Status.UNOBSERVED


def test_what_was_seen_long_ago_says_nothing_about_the_trend() -> None:
    assert judged(seen(0, 0, 1000), seen(600, 990, 1000)).trend is Trend.UNKNOWN


def test_several_partitions_together_are_as_bad_as_the_worst() -> None:
    parts = [
        Lag(0, 0.0, Status.CURRENT, Trend.STEADY),
        Lag(5, 9.0, Status.BEHIND, Trend.SHRINKING, 3.0),
        Lag(2, 40.0, Status.STALLED, Trend.STEADY),
    ]
    assert together(parts) == Lag(7, 40.0, Status.STALLED, Trend.STEADY, None)
    assert together(parts[:2]) == Lag(5, 9.0, Status.BEHIND, Trend.SHRINKING, 3.0)
    assert together([]) == Lag(0, 0.0, Status.CURRENT, Trend.UNKNOWN)


def test_a_consumer_is_remembered_apart_from_others_and_not_for_ever() -> None:
    history: History[str] = History(remembered=2)
    history.note("one", seen(0, 1, 5))
    history.note("other", seen(0, 9, 9))
    history.note("one", seen(1, 2, 5))
    assert history.note("one", seen(2, 3, 5)) == (seen(1, 2, 5), seen(2, 3, 5))


def test_asking_twice_for_the_same_look_is_one_observation() -> None:
    history: History[str] = History()
    history.note("one", seen(0, 1, 5, 3.0))
    assert history.note("one", seen(0, 1, 5, 4.0)) == (seen(0, 1, 5, 4.0),)


def test_a_topic_that_began_anew_forgets_what_was_before() -> None:
    history: History[str] = History()
    history.note("one", seen(0, 900, 1000))
    assert history.note("one", seen(5, 0, 3)) == (seen(5, 0, 3),)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 99), st.integers(0, 99)), min_size=1))
def test_nothing_that_was_observed_makes_a_lag_negative_or_unreadable(looks: list[tuple[int, int, int]]) -> None:
    history: History[str] = History()
    *_, observed = [history.note("one", seen(second, place, place + more)) for second, place, more in looks]
    lag = read(observed, NOON)
    assert lag.records >= 0
    assert lag.clears_in is None or lag.clears_in > 0
