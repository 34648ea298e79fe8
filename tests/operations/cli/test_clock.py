"""The clock of a development stack is shown, and moved ahead in every service alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from operations.cli.clock import span
from operations.cli.failure import Failure
from tests.operations.cli.conftest import Asked, Loopback, lines

Run = Callable[..., Result]
PATH = "/development/clock"


@pytest.fixture
def clocks(api: Loopback) -> list[float]:
    """How far each service's clock is ahead, in the order in which services are asked; moved by a PUT."""
    shifts = [60.0, 60.0, 60.0, 60.0]
    turns = {"GET": 0, "PUT": 0}

    def answer(asked: Asked) -> dict[str, Any]:
        place = turns[asked.method] % 4
        turns[asked.method] += 1
        if asked.method == "PUT":
            shifts[place] = asked.json["shift_seconds"]
        return {"now": "2026-11-23T12:00:00Z", "shift_seconds": shifts[place]}

    api.replies["GET", PATH] = api.replies["PUT", PATH] = answer
    return shifts


def test_every_services_clock_is_shown(run: Run, clocks: list[float]) -> None:
    result = run("clock", "show")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == ["referral", "2026-11-23", "12:00:00", "1m"]
    assert [one["service"] for one in lines(run("clock", "show", "--json"))] == [
        "referral", "scheduling", "followup", "operations",
    ]  # fmt: skip


def test_clocks_that_disagree_end_with_one(run: Run, clocks: list[float]) -> None:
    clocks[2] = 0
    result = run("clock", "show")
    assert result.exit_code == 1
    assert "disagree" in result.stderr


def test_time_passes_in_every_service_from_the_clock_that_is_furthest(run: Run, clocks: list[float]) -> None:
    clocks[2] = 0
    assert run("clock", "advance", "1d12h", "--yes").exit_code == 0
    assert clocks == [60 + 129_600] * 4


def test_a_dry_run_and_a_missing_yes_move_nothing(run: Run, clocks: list[float]) -> None:
    assert run("clock", "advance", "3d", "--dry-run").exit_code == 0
    assert run("clock", "advance", "3d").exit_code == 2
    assert clocks == [60] * 4


def test_no_clock_is_moved_while_a_service_is_away(
    run: Run, api: Loopback, clocks: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_URL_OPERATIONS", "http://127.0.0.1:9")
    assert run("clock", "advance", "3d", "--yes").exit_code == 3
    assert "PUT" not in {one.method for one in api.asked}


def test_a_production_profile_has_no_clock_to_move(run: Run) -> None:
    result = run("clock", "advance", "3d", "--yes")
    assert result.exit_code == 1
    assert "Only a development profile" in result.stderr


@pytest.mark.parametrize("text", ["", "3", "d", "3y", "-3d", "1d x"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="no time span"):
        span(text)


def test_time_spans_add_up() -> None:
    assert (span("45s"), span("1.5h"), span("2w"), span("1d12h")) == (45, 5400, 1_209_600, 129_600)
