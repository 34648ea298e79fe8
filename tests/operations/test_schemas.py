"""What operations shows names journeys, never patients: ids, codes, times and counts."""

from __future__ import annotations

from enum import Enum
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel

from operations import schemas

FREE = {
    ("CauseShown", "id"), ("CauseShown", "type"), ("EventShown", "type"), ("EventShown", "rules"),
    ("EventShown", "trace_id"), ("EventShown", "topic"), ("JourneyShown", "last_event"),
}  # fmt: skip
"""Fields that are text without being from a vocabulary: types, topics and ids in other forms."""


def _is_text(annotation: Any) -> bool:
    parts = get_args(annotation)
    if parts:
        return any(_is_text(part) for part in parts)
    return isinstance(annotation, type) and issubclass(annotation, str) and not issubclass(annotation, Enum)


@pytest.mark.parametrize("model", [schemas.JourneyShown, schemas.JourneyTraced, schemas.EventShown, schemas.CauseShown])
def test_no_field_of_a_journey_can_hold_a_sentence(model: type[BaseModel]) -> None:
    text = {(model.__name__, name) for name, field in model.model_fields.items() if _is_text(field.annotation)}
    assert text <= FREE


def test_what_services_hold_back_is_shown_as_they_show_it_with_their_name() -> None:
    for model in (schemas.Parked, schemas.ParkedDetail, schemas.DeadLetter):
        assert model.model_fields["service"].annotation is str
        assert model.model_fields["id"].annotation is UUID
