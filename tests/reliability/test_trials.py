"""A trial finds what its checker cannot see: a process that ended though nobody ended it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog

from backbone.telemetry import configure_logs
from tests.reliability.trials import ended_unasked


@pytest.mark.parametrize("words", ["a task ended", "the process ends"])
def test_a_process_that_ended_by_itself_is_named_by_what_it_logged(
    tmp_path: Path, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    logging.root.handlers[:] = []
    try:
        configure_logs("INFO", service="referral", instance="referral-worker-1")
        structlog.get_logger().warning("the relay pauses", reason="OSError")
        structlog.get_logger().error(words, task="relay")
    finally:
        structlog.configure(**before)
        structlog.contextvars.clear_contextvars()
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    (tmp_path / "referral-worker.log").write_text(capfd.readouterr().err)
    (found,) = ended_unasked(tmp_path)
    assert "referral-worker-1" in found
    assert words in found
