"""A log line carries what is listed, and the list is no longer than what is logged: whoever adds to it has to look."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from backbone.telemetry import LOGGABLE, OF_EVERY_LINE
from tests.architecture.sources import modules, tree

LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
NO_FIELD: Final = frozenset({"exc_info"})
"""Becomes the fields `error` and `line`."""


def logged(module: ast.Module) -> Iterator[str]:
    """The fields that a module's log calls name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            yield from (one.arg or "**" for one in node.keywords)


def test_what_may_be_logged_is_what_is_logged() -> None:
    found = {name for path in modules() for name in logged(tree(path))} - NO_FIELD
    assert found | OF_EVERY_LINE == LOGGABLE


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ('log.warning("heard", patient=name)', {"patient"}),
        ('structlog.get_logger().info("heard", **given)', {"**"}),
        ('log.info("heard")', set()),
    ],
)
def test_a_planted_line_is_found(planted: str, found: set[str]) -> None:
    assert set(logged(ast.parse(planted))) == found
