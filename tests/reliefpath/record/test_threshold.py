"""Figures and criteria."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reliefpath.record import Figure
from tests.support.records import FIGURE, RECORD


def test_a_figure_needs_a_value_or_a_range() -> None:
    with pytest.raises(ValidationError, match="either a value or a range"):
        RECORD.validate_python({key: value for key, value in FIGURE.items() if key != "value"})
    ranged = RECORD.validate_python({**FIGURE, "value": None, "low": 50, "high": 80})
    assert isinstance(ranged, Figure)
