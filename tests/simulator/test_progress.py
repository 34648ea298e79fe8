"""Progress: a bar at a terminal, and a line now and then anywhere else."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from simulator import progress
from simulator.play import Part, Play
from simulator.progress import Telling
from tests.support.papers import BEGIN


def play(over: int, of: int) -> Play:
    parts = [Part(str(number), lambda _: None) for number in range(of)]  # type: ignore[arg-type,return-value]  # never told
    for part in parts[:over]:
        part.ended = BEGIN
    return Play(None, parts)  # type: ignore[arg-type]  # no clock is asked


def told(*, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    with Telling(console, 3) as telling:
        telling.look_on(play(0, 3), BEGIN)
        telling.look_on(play(2, 3), BEGIN + timedelta(days=9))
    return written.getvalue()


def test_where_no_bar_can_be_drawn_lines_say_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(terminal=False, monkeypatch=monkeypatch)
    assert text.splitlines()[-1] == "  … day 10, 02 Dec 2026: 2 of 3 stories have ended"


def test_at_a_terminal_a_bar_shows_the_day_and_the_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(terminal=True, monkeypatch=monkeypatch)
    assert "day 10, 02 Dec 2026" in text
    assert "2/3" in text
