"""Lengths of time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from reliefpath.record import Length, Span

LENGTH: TypeAdapter[Span] = TypeAdapter(Length)


def test_a_length_of_time_is_read_as_it_is_written() -> None:
    assert LENGTH.validate_python("24 h").shortest == timedelta(hours=24)
    ranged = LENGTH.validate_python("3-10 d")
    assert (ranged.shortest, ranged.longest) == (timedelta(days=3), timedelta(days=10))
    assert str(ranged) == "3-10 d"
    assert LENGTH.validate_python("4 working_h").working


@pytest.mark.parametrize("wrong", ["soon", "24", "10-3 d", "3 fortnights", "-1 d", 24])
def test_a_length_that_is_no_length_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        LENGTH.validate_python(wrong)
