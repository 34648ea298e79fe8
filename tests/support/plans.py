"""What a plan of PostgreSQL says it read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def rows_read(step: dict[str, Any]) -> Iterator[float]:
    """The rows that each step of a plan (EXPLAIN ANALYZE, FORMAT JSON) took or threw away, per loop."""
    yield step["Actual Rows"] + step.get("Rows Removed by Filter", 0)
    for below in step.get("Plans", ()):
        yield from rows_read(below)
