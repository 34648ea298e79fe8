"""What people may write."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from referral.lifecycle.wording import Line, Text


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001, "a\x00b"])
def test_text_is_bounded_and_storable(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)


def test_text_keeps_its_lines_and_loses_its_edges() -> None:
    assert TypeAdapter(Text).validate_python("  first\nsecond ") == "first\nsecond"


def test_a_line_is_one_line() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python("first\nsecond")
