"""How drugs, measurements and diagnoses are recognised."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reliefpath.record import Measure
from tests.support.records import HEAD, RECORD

MEASURE: dict[str, Any] = {**HEAD, "kind": "measure", "fact": "platelets", "unit": "10*9/L", "units": {"10*9/l": 1}}
TERMS: dict[str, Any] = {**HEAD, "kind": "terms"}


def test_a_measure_says_how_it_is_recognised_and_in_which_unit_it_is_kept() -> None:
    measure = RECORD.validate_python(MEASURE)
    assert isinstance(measure, Measure)
    assert measure.units["10*9/l"] == 1


@pytest.mark.parametrize(
    "broken", [{**MEASURE, "patterns": ["("]}, {**MEASURE, "hints": ["["]}, {**TERMS, "words": {"a": ["("]}}]
)
def test_an_expression_that_does_not_compile_is_refused_when_it_is_loaded(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no regular expression"):
        RECORD.validate_python(broken)
