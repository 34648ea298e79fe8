"""Whatever is sent that does not keep its contract is refused by a code that is promised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from backbone.service import SERVICES
from contracts import http
from contracts.validation import MEANING, Unknown, codes_of, codes_of_requests
from reliefpath.lifecycle import Command

AMISS = [
    "null", "1", "-1", "1.5", "1e400", "NaN", "true", "[]", "[1]", "{}", '{"x":1}', "[{}]", "9" * 30, "9" * 5000,
    '"x"', '""', '"  "', '"x\\u0000"', json.dumps("x" * 5000), json.dumps(["x"] * 300), '"0"', '"25:00"', '"08:00"',
    '"2026-11-23"', '"2026-11-23T08:00"', '"2026-11-23T08:00Z"', '"2026-13-01"', '"08:00:00.1234567891"',
]  # fmt: skip
"""What may stand where something else is wanted, as JSON."""

READ_FROM_TEXT: dict[Any, set[str]] = {
    int: {"int_parsing", "int_parsing_size"},
    bool: {"bool_parsing"},
    date: {"date_from_datetime_inexact", "date_from_datetime_parsing"},
    datetime: {"datetime_from_date_parsing"},
}
"""With what a parameter is refused, which is text until it is read."""


def commands(base: type[Command] = Command) -> Iterator[type[Command]]:
    """Every body that an API reads."""
    for cls in base.__subclasses__():
        yield cls
        yield from commands(cls)


def bodies(cls: type[Command]) -> Iterator[str]:
    """Bodies that are amiss, as a whole or in a field."""
    yield from ("null", "1", '"x"', "[]", "{}", '{"unheard_of": 1}')
    for amiss in AMISS:
        fields = [f"{json.dumps(one.alias or name)}: {amiss}" for name, one in cls.model_fields.items()]
        yield from ("{" + some + "}" for some in (*fields, ", ".join(fields)))


@pytest.fixture(scope="module")
def promised() -> dict[str, str]:
    """What the codes mean that are promised."""
    return codes_of_requests(map(http.document, SERVICES))


@pytest.fixture(scope="module")
def given(promised: dict[str, str]) -> set[str]:
    """The codes by which bodies are refused that are amiss, once all the APIs there are have been described."""
    assert promised
    found: set[str] = set()
    for cls in set(commands()):
        for body in bodies(cls):
            try:
                cls.model_validate_json(body, strict=True)
            except ValidationError as wrong:
                found |= {one["type"] for one in wrong.errors()}
    return found - {"json_invalid"}  # which is told as the body's own fault


def test_whatever_is_sent_amiss_is_refused_by_a_code_that_is_promised(
    given: set[str], promised: dict[str, str]
) -> None:
    assert len(given) > 20
    assert given <= promised.keys()


def test_no_code_is_promised_that_is_never_given(given: set[str], promised: dict[str, str]) -> None:
    assert promised.keys() == given | set().union(*READ_FROM_TEXT.values())
    assert promised == MEANING


@pytest.mark.parametrize("type_", READ_FROM_TEXT)
def test_a_parameter_that_is_amiss_is_refused_by_a_code_that_is_promised(type_: Any) -> None:
    found: set[str] = set()
    for amiss in ("x", "", "1.5", "9" * 5000, "2026-13-01", "2026-11-23T08:00Z"):
        try:
            TypeAdapter(type_).validate_python(amiss)
        except ValidationError as wrong:
            found |= {one["type"] for one in wrong.errors()}
    assert READ_FROM_TEXT[type_] <= found
    assert found <= MEANING.keys()


def test_every_code_is_one_of_the_librarys() -> None:
    assert set(get_args(ErrorType)) >= MEANING.keys()


def taking(schema: dict[str, Any], media: str = "application/json", **schemas: Any) -> dict[str, Any]:
    """An API that takes this."""
    operation = {"requestBody": {"content": {media: {"schema": schema}}}}
    return {"paths": {"/visits": {"post": operation}}, "components": {"schemas": schemas}}


def test_what_is_within_counts_too_and_a_circle_is_left_again() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]}},
        "additionalProperties": {"type": "array", "items": {"type": "string", "format": "uuid"}, "maxItems": 3},
    }
    found = codes_of(taking({"$ref": "#/components/schemas/Node"}, Node=node))
    assert found >= {"model_type", "tuple_type", "too_long", "uuid_parsing", "string_type", "extra_forbidden"}
    assert "missing" not in found


def test_a_needed_parameter_may_be_missing() -> None:
    parameter = {"name": "to", "in": "query", "required": True, "schema": {"type": "string"}}
    assert "missing" in codes_of({"paths": {"/visits": {"get": {"parameters": [parameter]}}}})


def test_a_document_of_another_standard_is_read_by_its_own_rules() -> None:
    assert codes_of(taking({"type": "object", "required": ["x"]}, "application/fhir+json")) == codes_of({"paths": {}})


@pytest.mark.parametrize(
    "schema", [{"type": "string", "uniqueItems": True}, {"type": "file"}, {"type": "string", "format": "email"}]
)
def test_a_limit_whose_refusal_nobody_has_thought_about_is_not_passed_over(schema: dict[str, Any]) -> None:
    with pytest.raises(Unknown):
        codes_of(taking(schema))
