"""What a person is told while they wait."""

from __future__ import annotations

import asyncio
import io

import pytest

from stack import report
from stack.report import Report


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


async def watch(told: Report, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(told.keep_current(), seconds)


def test_a_finished_step_is_one_line_with_its_outcome_and_time() -> None:
    stream = io.StringIO()
    with Report(stream).step("PostgreSQL") as step:
        step.note = "18.6 on port 7420"
    assert stream.getvalue() == "  PostgreSQL 18.6 on port 7420 (0.0 s)\n"


def test_a_step_that_fails_claims_nothing() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="no"), Report(stream).step("PostgreSQL"):
        raise ValueError("no")
    assert stream.getvalue() == ""


async def test_a_step_that_takes_long_is_told_of_in_a_file_after_a_second() -> None:
    stream = io.StringIO()
    told = Report(stream)
    with told.step("Apache Kafka") as step:
        step.note = "fetching"
        await watch(told, 0.8)
        assert stream.getvalue() == ""
        step.began -= 1
        await watch(told, 0.4)
    assert stream.getvalue().splitlines()[0].startswith("  … Apache Kafka: fetching (")
    assert len(stream.getvalue().splitlines()) == 2


async def test_a_terminal_shows_all_that_goes_on_in_one_line_that_goes_away() -> None:
    stream = Terminal()
    told = Report(stream)
    with told.step("PostgreSQL"), told.step("Apache Kafka"):
        await watch(told, 0.3)
    written = stream.getvalue()
    assert "PostgreSQL 0 s · Apache Kafka 0 s" in written
    assert written.endswith("PostgreSQL (0.3 s)\n") or "PostgreSQL (" in written
    assert "\r\x1b[K" in written


async def test_on_a_narrow_terminal_the_line_is_cut_rather_than_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    told = Report(stream)
    told.status("a status that is much longer than the terminal is wide")
    await watch(told, 0.2)
    assert stream.getvalue() == "  a status that is \r\x1b[K"


async def test_the_status_is_rewritten_on_a_terminal_and_kept_in_a_file() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        told = Report(stream)
        told.status("running 00:00:01")
        await watch(told, 0.2)
    assert "running 00:00:01" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert file.getvalue() == "  running 00:00:01\n"


def test_a_file_is_told_the_status_less_often_than_a_terminal() -> None:
    assert Report(Terminal()).status_every < Report(io.StringIO()).status_every


def test_a_terminal_that_went_away_ends_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Report(Gone()).say("still here")
    assert report.PLAIN_EVERY > 0
