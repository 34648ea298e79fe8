"""Opening hours, in the local time of their place."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.rules.hours import Interval, Opening, local_midnight, merged, next_quarter, open_times
from tests.support.visits import at, between

VIENNA = ZoneInfo("Europe/Vienna")
WEEK = between(0, 24 * 7)


def test_two_stretches_that_only_meet_do_not_overlap() -> None:
    assert not between(8, 9).overlaps(between(9, 10))
    assert between(8, 9.5).overlaps(between(9, 10))
    assert between(8, 10).covers(between(8, 10))
    assert not between(8, 10).covers(between(9, 11))


def test_what_is_open_on_mondays_is_open_on_every_monday_and_on_no_other_day() -> None:
    fortnight = between(0, 24 * 14)
    assert open_times([Opening(1, time(8), time(16))], ZoneInfo("UTC"), fortnight) == (
        between(8, 16),
        between(8, 16, day=7),
    )


def test_hours_are_local_and_follow_daylight_saving() -> None:
    eight_to_nine = [Opening(day, time(8), time(9)) for day in range(1, 8)]
    autumn = Interval(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC))
    assert [one.start.hour for one in open_times(eight_to_nine, VIENNA, autumn)] == [6, 7]


def test_an_hour_that_daylight_saving_leaves_out_is_not_open() -> None:
    spring = Interval(datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))
    assert all(one.length > timedelta(0) for one in open_times([Opening(7, time(2, 10), time(2, 50))], VIENNA, spring))


def test_what_closes_at_midnight_and_opens_again_at_midnight_is_open_throughout() -> None:
    always = [Opening(day, time(0), time(0)) for day in range(1, 8)]
    (stretch,) = open_times(always, VIENNA, WEEK)
    assert stretch.covers(WEEK)


def test_what_was_open_yesterday_until_midnight_reaches_into_a_search_that_begins_before_local_midnight() -> None:
    sunday_night = [Opening(7, time(20), time(0))]
    late = Interval(at(-2), at(4))
    (stretch,) = open_times(sunday_night, VIENNA, late)
    assert stretch.end == datetime(2026, 11, 22, 23, tzinfo=UTC)


def test_stretches_that_meet_or_overlap_become_one() -> None:
    assert merged([between(10, 12), between(8, 10), between(11, 11.5), between(14, 15)]) == (
        between(8, 12),
        between(14, 15),
    )


@pytest.mark.parametrize(
    ("minute", "second", "then"), [(0, 0, 0), (0, 1, 15), (14, 59, 15), (15, 0, 15), (46, 0, 60), (59, 59, 60)]
)
def test_times_are_proposed_on_the_quarter_of_an_hour(minute: int, second: int, then: int) -> None:
    assert next_quarter(at(9) + timedelta(minutes=minute, seconds=second)) == at(9) + timedelta(minutes=then)


def test_a_local_day_begins_at_local_midnight() -> None:
    assert local_midnight(datetime(2026, 11, 23, 23, 30, tzinfo=UTC), VIENNA) == datetime(2026, 11, 23, 23, tzinfo=UTC)


@given(
    st.lists(st.builds(lambda a, b: between(min(a, b), max(a, b) + 0.5), *[st.integers(0, 40)] * 2), max_size=12),
    st.integers(0, 45),
)
def test_merging_neither_loses_nor_adds_a_moment(stretches: list[Interval], hour: int) -> None:
    moment = Interval(at(hour), at(hour + 0.25))
    assert any(one.covers(moment) for one in stretches) <= any(one.covers(moment) for one in merged(stretches))
    whole = merged(stretches)
    assert all(earlier.end < later.start for earlier, later in pairwise(whole))
    assert all(any(one.start == part.start for part in stretches) for one in whole)
