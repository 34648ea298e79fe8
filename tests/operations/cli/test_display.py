"""What is printed is for a person or for a program, and never what a server's text would like it to be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.cli import display


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "–"), (0, "0s"), (0.04, "0s"), (0.4, "0.4s"), (59.6, "1m"), (725, "12m 5s"), (3600, "1h"),
        (273_600, "3d 4h"), (86_400 * 40, "40d"), (-90, "−1m 30s"), (9.96, "10.0s"),
    ],
)  # fmt: skip
def test_a_time_span_is_told_in_its_two_largest_units(seconds: float | None, told: str) -> None:
    assert display.duration(seconds) == told


@given(st.floats(-1e9, 1e9))
def test_every_time_span_can_be_told(seconds: float) -> None:
    assert display.duration(seconds)


def test_times_are_told_in_utc_and_what_is_no_time_is_a_dash() -> None:
    assert display.time_of("2026-11-23T13:00:00+01:00") == "2026-11-23 12:00:00"
    assert display.time_of("2026-11-23T12:00:00") == "2026-11-23 12:00:00"
    assert display.time_of(None) == display.time_of("soon") == display.age("soon") == "–"
    assert display.age((datetime.now(UTC) - timedelta(minutes=5)).isoformat()) == "5m"


def test_text_from_elsewhere_is_neither_markup_nor_a_terminals_command() -> None:
    assert display.plain("[red]\x1b[2Jgone\r\n[/]").plain == "[red]�[2Jgone�\n[/]"


def test_an_events_name_is_told_without_prefix_and_version() -> None:
    assert display.event_name("reliefpath.referral.ReferralAccepted.v1") == "ReferralAccepted"
    assert display.event_name("odd") == "odd"


def test_programs_get_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    display.tell({"a": "Ä\n"})
    display.tell({"b": 2})
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"a": "Ä\n"}, {"b": 2}]


def test_a_piped_table_is_not_cut_and_not_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    display.show(display.table(["id", "n>"], [("x" * 150, display.coloured("parked"))]))
    out = capsys.readouterr().out
    assert "x" * 150 in out
    assert "\x1b" not in out
