"""The form every record has."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.support.records import FIGURE, RECORD


def test_a_record_is_named_by_id_and_version_and_can_be_kept_in_a_set() -> None:
    record = RECORD.validate_python(FIGURE)
    assert record.ref == "X-1@1"
    assert len({record, RECORD.validate_python(FIGURE)}) == 1


def test_a_record_without_a_source_is_refused() -> None:
    with pytest.raises(ValidationError):
        RECORD.validate_python({**FIGURE, "sources": []})


def test_a_record_cannot_be_approved_by_nobody() -> None:
    with pytest.raises(ValidationError, match="by nobody"):
        RECORD.validate_python({**FIGURE, "status": "approved"})


def test_a_draft_cannot_name_an_approver() -> None:
    with pytest.raises(ValidationError, match="a draft"):
        RECORD.validate_python({**FIGURE, "approved_by": "dr-1"})


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        RECORD.validate_python({**FIGURE, "valeu": 3})
