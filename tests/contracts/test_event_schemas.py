"""Each event's schema is JSON Schema 2020-12 that takes what is said, and its page says it in words."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_schemas import DIALECT, in_words, page, schema
from reliefpath.envelope import encode_data
from reliefpath.events import CATALOGUE, Event
from tests.support.sayings import events_of


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda one: one.__name__)
def test_it_is_valid_by_its_own_dialect(event: type[Event]) -> None:
    described = schema(event)
    assert described["$schema"] == DIALECT
    jsonschema_rs.meta.validate(described)


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda one: one.__name__)
def test_it_takes_whatever_can_be_said(event: type[Event]) -> None:
    validator = jsonschema_rs.validator_for(schema(event), validate_formats=True)

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def check(data: Any) -> None:
        validator.validate(json.loads(encode_data(data.draw(events_of(event)))))

    check()


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda one: one.__name__)
def test_it_refuses_what_cannot_be_read_and_takes_what_it_does_not_know(event: type[Event]) -> None:
    validator = jsonschema_rs.validator_for(schema(event), validate_formats=True)
    for example in schema(event)["examples"]:
        assert validator.is_valid({**example, "a_field_of_tomorrow": 1})
        for name in schema(event).get("required", ()):
            assert not validator.is_valid({key: value for key, value in example.items() if key != name})
            assert not validator.is_valid({**example, name: {"no": "such thing"}})


def test_a_page_names_every_field_in_words() -> None:
    for event in CATALOGUE.values():
        told = page(event)
        assert all(f"| `{name}` |" in told for name in event.model_fields), event
        assert "| anything |" not in told


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "string", "format": "uuid"}, "id"),
        ({"type": "array", "items": {"type": "string"}}, "list of code"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer"),
        ({"$ref": "#/$defs/One"}, "`a`, `b`"),
    ],
)
def test_a_field_is_said_in_words(field: dict[str, Any], words: str) -> None:
    assert in_words(field, {"$defs": {"One": {"enum": ["a", "b"]}}}) == words
