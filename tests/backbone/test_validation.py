"""A code of the library that validates is promised, or told as one that is."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic_core.core_schema import ErrorType

from backbone.validation import CODES, OTHER, code_of


@pytest.mark.parametrize(
    ("kind", "code"), [("missing", "missing"), ("date_parsing", "date_parsing"), ("complex_type", OTHER), ("", OTHER)]
)
def test_what_nobody_promised_is_told_by_a_code_that_is(kind: str, code: str) -> None:
    assert code_of(kind) == code


def test_what_is_promised_is_what_the_library_may_say() -> None:
    assert set(get_args(ErrorType)) | {OTHER} >= CODES.keys()
