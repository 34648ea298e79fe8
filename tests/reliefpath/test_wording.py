"""What people may write."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from reliefpath.wording import Because, Line, Text

TEXT: TypeAdapter[str] = TypeAdapter(Text)


def test_text_is_kept_without_the_space_around_it() -> None:
    assert TEXT.validate_python("  slept well\n") == "slept well"


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001, "nul\x00"])
def test_text_that_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(text)


@pytest.mark.parametrize("body", [{}, {"reason_code": "two words"}, {"reason_code": "x", "why": "y"}])
def test_a_reason_is_a_code_and_nothing_is_ignored(body: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Because.model_validate(body)


def test_text_keeps_its_lines_and_a_line_is_one_line() -> None:
    assert TEXT.validate_python("first\nsecond") == "first\nsecond"
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python("first\nsecond")
