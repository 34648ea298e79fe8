"""Journeys, one journey's events with their causes, and counts, for a person and for a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import Result

from operations.cli.journeys import because
from tests.operations.cli.conftest import Loopback, lines

Run = Callable[..., Result]
JOURNEY = str(uuid4())


def event(position: int, name: str, speaker: str, minute: int, cause: dict[str, Any]) -> dict[str, Any]:
    return {
        "position": position,
        "type": f"reliefpath.{speaker}.{name}.v1",
        "speaker": speaker,
        "actor": "coordinator",
        "time": f"2026-11-23T12:{minute:02}:00Z",
        "cause": cause,
    }


TRACED = {
    "journey": JOURNEY,
    "stage": "assessment",
    "setting": "outpatient",
    "exit": None,
    "since": "2026-11-23T12:05:00Z",
    "events": [
        event(1, "ReferralRequested", "referral", 0, {"kind": "request", "id": "r-1"}),
        event(2, "ReferralAccepted", "referral", 5, {"kind": "request", "id": "r-2"}),
        event(
            3,
            "AppointmentRequested",
            "scheduling",
            7,
            {
                "kind": "event",
                "id": "e",
                "position": 2,
                "type": "reliefpath.referral.ReferralAccepted.v1",
                "seconds_before": 120,
            },
        ),
    ],
    "missing": [{"speaker": "followup", "seq": 1}],
}


def test_journeys_are_listed_by_how_long_they_have_stood(run: Run, api: Loopback) -> None:
    item = {
        "journey": JOURNEY,
        "stage": "closed",
        "exit": "deceased",
        "setting": "home",
        "seconds_in_stage": 273_600,
        "last_event": "reliefpath.referral.PatientDied.v1",
        "last_at": "2026-11-23T12:00:00Z",
    }
    api.replies["GET", "/journeys"] = {"items": [item], "next": "more"}
    result = run("journeys", "--stage", "closed", "--setting", "home", "--limit", "1")
    assert result.exit_code == 0
    for told in (JOURNEY, "closed: deceased", "home", "3d 4h", "PatientDied", "2026-11-23 12:00:00"):
        assert told in result.stdout
    assert "--limit" in result.stderr
    assert api.asked[0].query == {"stage": ["closed"], "setting": ["home"], "limit": ["1"]}
    assert lines(run("journeys", "--limit", "1", "--json")) == [item]


def test_a_journey_is_shown_event_by_event_with_the_time_between_and_the_cause(run: Run, api: Loopback) -> None:
    api.replies["GET", f"/journeys/{JOURNEY}"] = TRACED
    result = run("journey", JOURNEY)
    told = result.stdout.splitlines()
    assert told[0].split() == [JOURNEY, "assessment,", "outpatient,", "since", "2026-11-23", "12:05:00"]
    assert told[2].split()[-5:] == ["referral", "ReferralRequested", "coordinator", "request", "r-1"]
    assert "+5m" in told[3]
    assert told[4].split()[-2:] == ["#2", "ReferralAccepted"]
    assert "Not heard: followup #1" in result.stderr
    assert [one["position"] for one in lines(run("journey", JOURNEY, "--json"))] == [1, 2, 3]


def test_what_led_to_what_is_drawn_as_a_tree(run: Run, api: Loopback) -> None:
    api.replies["GET", f"/journeys/{JOURNEY}"] = TRACED
    told = run("journey", JOURNEY, "--tree").stdout
    assert "└── 2 ReferralAccepted" in told
    assert "    └── 3 AppointmentRequested" in told
    assert "2m later" in told


def test_an_unknown_journey_is_refused(run: Run, api: Loopback) -> None:
    result = run("journey", JOURNEY)
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ({"kind": "deadline", "id": "trial-end:1"}, "deadline trial-end:1"),
        (
            {"kind": "deadline", "id": "trial-end:1", "position": 3, "type": "reliefpath.followup.TrialStarted.v1"},
            "deadline trial-end, set by #3 TrialStarted",
        ),
        ({"kind": "unheard", "id": "1"}, "event 1, not heard here"),
        ({"kind": "contradicted", "id": "1", "position": 4}, "#4, which comes later (its cause cannot be true)"),
    ],
)
def test_every_kind_of_cause_is_told_in_words(cause: dict[str, Any], told: str) -> None:
    assert because(cause) == told


def test_counts_are_a_line_per_stage_and_a_column_per_setting(run: Run, api: Loopback) -> None:
    counts = [
        {"stage": "trial", "setting": "hospital", "exit": None, "journeys": 2},
        {"stage": "trial", "setting": "home", "exit": None, "journeys": 1},
        {"stage": "closed", "setting": "home", "exit": "declined", "journeys": 4},
    ]
    api.replies["GET", "/counts"] = {"counts": counts, "journeys": 7, "open": 3}
    told = [line.split() for line in run("counts").stdout.splitlines()]
    assert ["stage", "hospital", "outpatient", "home", "all"] in told
    assert ["trial", "2", "·", "1", "3"] in told
    assert ["closed:", "declined", "·", "·", "4", "4"] in told
    assert told[-1] == ["7", "journeys,", "3", "open"]
    assert lines(run("counts", "--json")) == counts
