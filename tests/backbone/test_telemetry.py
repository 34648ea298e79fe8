"""Logs without patient data, and the trace that ties a request to its effects."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from backbone import telemetry as subject
from backbone.telemetry import LOGGABLE, REGISTRY, child_of, configure_logs, current_trace, new_trace, traced
from tests.backbone.broker_suite import until

NAME = "Anna Meier"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The log lines that were written since, with logs as a process has them."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    logging.root.handlers[:] = []
    configure_logs("info", service="visiting", instance="visiting-1")
    try:
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    finally:
        structlog.configure(**before)
        structlog.contextvars.clear_contextvars()
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


Lines = Callable[[], list[dict[str, Any]]]


def test_a_field_that_is_not_listed_never_reaches_a_line(lines: Lines) -> None:
    structlog.get_logger().info("heard", count=7, patient=NAME, family=NAME, note=NAME, body={"name": NAME})
    (line,) = lines()
    assert NAME not in json.dumps(line)
    assert {"event", "count", "service", "instance", "level", "timestamp"} == line.keys()
    assert (line["event"], line["count"], line["service"], line["instance"]) == ("heard", 7, "visiting", "visiting-1")


def test_nothing_that_names_a_person_or_quotes_them_is_listed() -> None:
    persons = {"name", "family", "given", "birth_date", "patient", "identifier", "subject", "token"}
    words = {"note", "text", "body", "data", "detail", "message", "stack", "value", "url", "query", "path", "headers"}
    assert not (persons | words) & LOGGABLE


def _fail() -> None:
    raise ValueError(NAME)


def _fail_behind_another() -> None:
    try:
        _fail()
    except ValueError as error:
        raise LookupError(f"because of {NAME}") from error


@pytest.mark.parametrize(("fail", "kind"), [(_fail, "ValueError"), (_fail_behind_another, "LookupError")])
@pytest.mark.parametrize("how", ["error", "true", "tuple", "exception"])
def test_an_exception_is_logged_by_its_type_and_place_alone(
    lines: Lines, fail: Callable[[], None], kind: str, how: str
) -> None:
    log = structlog.get_logger()
    try:
        fail()
    except Exception as error:
        if how == "exception":
            log.exception("it failed")
        else:
            log.error("it failed", exc_info={"error": error, "true": True, "tuple": sys.exc_info()}[how])
    (line,) = lines()
    assert line["error"] == kind
    assert line["line"].startswith(f"{__name__}:")
    assert NAME not in json.dumps(line)


def test_what_libraries_say_is_where_and_how_bad_and_never_what(lines: Lines) -> None:
    library = logging.getLogger("a.library")
    library.info("for %s", NAME)
    library.warning("for %s", NAME)
    try:
        _fail()
    except ValueError:
        library.exception("for %s", NAME, extra={"seq": NAME})
    told = lines()
    assert NAME not in json.dumps(told)
    assert [(line["event"], line["operation"], line["level"]) for line in told] == [
        ("library", "a.library", "warning"),
        ("library", "a.library", "error"),
    ]
    assert told[1]["error"] == "ValueError"


def test_a_line_below_the_level_is_not_written(lines: Lines) -> None:
    structlog.get_logger().debug("heard")
    assert lines() == []


def test_lines_of_one_trace_carry_its_id(lines: Lines) -> None:
    with traced(TRACE):
        structlog.get_logger().info("within")
    structlog.get_logger().info("outside")
    within, outside = lines()
    assert within["trace"] == TRACE.split("-")[1]
    assert "trace" not in outside


def test_a_step_keeps_the_trace_and_has_a_number_of_its_own() -> None:
    step = child_of(TRACE)
    assert step.split("-")[1] == TRACE.split("-")[1]
    assert step.split("-")[2] != TRACE.split("-")[2]
    assert child_of(step).split("-")[1] == TRACE.split("-")[1]


@given(st.none() | st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-fA-F]{30,33}-[0-9a-z]{16}-01"))
def test_whatever_comes_in_a_step_is_well_formed(given: str | None) -> None:
    version, trace, step, flags = child_of(given).split("-")
    assert (version, flags) == ("00", "01")
    assert (len(trace), len(step)) == (32, 16)
    assert int(trace, 16) > 0
    assert int(step, 16) >= 0


def test_traces_are_told_apart() -> None:
    assert len({new_trace() for _ in range(100)}) == 100


def test_the_trace_of_a_block_ends_with_it() -> None:
    with traced(TRACE) as outer:
        with traced(outer) as inner:
            assert current_trace() == inner != outer
        assert current_trace() == outer
        with pytest.raises(ValueError, match=NAME), traced(outer):
            _fail()
        assert current_trace() == outer
    assert current_trace() is None


@pytest.fixture
async def _measured(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(subject, "LOOK", 0.01)
    monkeypatch.setattr(subject, "LOOP_WINDOW", 1.0)
    measuring = asyncio.create_task(subject.measure_loop())
    yield
    measuring.cancel()
    with suppress(asyncio.CancelledError):
        await measuring


def _loop_lag() -> float:
    return REGISTRY.get_sample_value("reliefpath_loop_lag_seconds") or 0


@pytest.mark.usefixtures("_measured")
async def test_the_worst_loop_lag_of_the_window_is_told_and_then_forgotten() -> None:
    await asyncio.sleep(0.05)
    time.sleep(0.4)  # noqa: ASYNC251 - the loop is to be blocked
    await asyncio.sleep(0.05)
    assert 0.35 < _loop_lag() < 0.8
    time.sleep(0.1)  # noqa: ASYNC251 - a lesser one hides no worse one
    await asyncio.sleep(0.4)
    assert 0.35 < _loop_lag() < 0.8
    await until(lambda: _loop_lag() < 0.35, patience=5)
