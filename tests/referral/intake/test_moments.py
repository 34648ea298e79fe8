"""Times as FHIR writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from referral.intake.moments import moment, moments


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2014", date(2014, 1, 1)),
        ("2014-05", date(2014, 5, 1)),
        ("2014-05-02", date(2014, 5, 2)),
        ("2014-05-02T23:30:00-05:00", date(2014, 5, 2)),
        ("2014-05-02T10:30", date(2014, 5, 2)),
        ("2014-05-02T10:30:00.123456789Z", date(2014, 5, 2)),
        ("2014-05-02T10:30:00.1+0530", date(2014, 5, 2)),
    ],
)
def test_a_time_means_the_first_day_it_can_in_its_own_place(written: str, day: date) -> None:
    read = moment(written)
    assert read is not None
    assert (read.day, read.written) == (day, written)


def test_times_are_put_in_order_across_places() -> None:
    west, east = moment("2014-05-02T23:30:00-05:00"), moment("2014-05-03T01:00:00+02:00")
    assert west is not None
    assert east is not None
    assert east.order < west.order
    assert west.order == datetime(2014, 5, 3, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["", "soon", "2014-13", "2014-02-30", "0000", "2014-05-02T25:00", "0001-01-01T00:00:00+14:00", 2014, None],
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert moment(written) is None


def test_a_resource_says_when_it_happened_before_when_it_was_written_down() -> None:
    condition = {"recordedDate": "2015-01-01", "onsetPeriod": {"start": "2014-01-01"}}
    assert [read.written for read in moments(condition, "Condition")] == ["2014-01-01", "2015-01-01"]
    assert [read.written for read in moments({"effectiveDateTime": "2016", "issued": "2017"}, "Observation")] == [
        "2016",
        "2017",
    ]
    assert list(moments({"birthDate": "1950-01-01"}, "Patient")) == []
