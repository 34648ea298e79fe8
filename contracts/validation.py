"""The codes with which a request is refused that does not keep its contract, read off what it may hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import getitem
from typing import Any, Final

MEANING: Final = {
    "bool_parsing": "It is no truth value.",
    "bool_type": "It is no truth value.",
    "date_from_datetime_inexact": "It is a day with a time of day, where a day is wanted.",
    "date_from_datetime_parsing": "It is no day.",
    "date_type": "It is no day.",
    "datetime_from_date_parsing": "It is no time.",
    "datetime_type": "It is no time.",
    "enum": "It is none of the values that there are.",
    "extra_forbidden": "It is no field of this: a typing error is not ignored.",
    "finite_number": "It is not finite.",
    "float_type": "It is no number.",
    "greater_than_equal": "It is less than the minimum.",
    "int_parsing": "It is no whole number.",
    "int_parsing_size": "It has too many digits.",
    "int_type": "It is no whole number.",
    "less_than_equal": "It is more than the maximum.",
    "literal_error": "It is none of the values that there are.",
    "missing": "It is needed.",
    "model_type": "It is no object.",
    "string_pattern_mismatch": "It is not written as it must be.",
    "string_too_long": "It is too long.",
    "string_too_short": "It is too short.",
    "string_type": "It is no text.",
    "time_parsing": "It is no time of day.",
    "time_type": "It is no time of day.",
    "timezone_aware": "It is a time without its time zone.",
    "too_long": "It holds too many.",
    "too_short": "It holds too few.",
    "tuple_type": "It is no list.",
    "uuid_parsing": "It is no UUID.",
    "uuid_type": "It is no UUID.",
    "value_error": "It does not go together with the rest, or is not written as it must be.",
}
"""What each means. The codes are those of the library that validates, which the tests have give every one."""

OF_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "object": ("model_type",),
    "array": ("tuple_type",),
    "string": ("string_type",),
    "integer": ("int_parsing", "int_parsing_size", "int_type"),
    "number": ("finite_number", "float_type"),
    "boolean": ("bool_parsing", "bool_type"),
    "null": (),
}
OF_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "uuid": ("uuid_parsing", "uuid_type"),
    "date": ("date_from_datetime_inexact", "date_from_datetime_parsing", "date_type"),
    "date-time": ("datetime_from_date_parsing", "datetime_type", "timezone_aware"),
}
OF_ANYTHING: Final = ("value_error", "time_parsing", "time_type")
"""What a schema does not tell: it describes a time of day by its pattern."""

OF_LIMITS: Final[dict[str, tuple[str, ...]]] = {
    "required": ("missing",),
    "additionalProperties": ("extra_forbidden",),
    "enum": ("enum", "literal_error"),
    "const": ("literal_error",),
    "pattern": ("string_pattern_mismatch",),
    "minLength": ("string_too_short",),
    "maxLength": ("string_too_long",),
    "minItems": ("too_short",),
    "maxItems": ("too_long",),
    "minimum": ("greater_than_equal",),
    "maximum": ("less_than_equal",),
}
NO_LIMITS: Final = frozenset(
    {"title", "description", "default", "examples", "type", "format", "properties", "items", "anyOf"}
)


class Unknown(Exception):
    """A limit of requests of which nobody has said yet with which code it is refused."""


def codes_of_requests(documents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What each code means with which any API, of those with these OpenAPI documents, may refuse what is sent to it."""
    found = {code for document in documents for code in codes_of(document)}
    return {code: MEANING[code] for code in sorted(found)}


def codes_of(document: Mapping[str, Any]) -> set[str]:
    """The codes with which an API refuses what does not keep this OpenAPI document."""
    found = set(OF_ANYTHING)
    for operation in (one for item in document["paths"].values() for one in item.values()):
        sent = [one["schema"] for one in operation.get("parameters", ())]
        if any(one.get("required") for one in operation.get("parameters", ())):
            found.add("missing")
        content = operation.get("requestBody", {}).get("content", {})
        sent += [one["schema"] for media, one in content.items() if media == "application/json"]
        for schema in sent:
            found |= set(_codes(schema, document, ()))
    return found


def _codes(schema: Mapping[str, Any], document: Mapping[str, Any], within: tuple[str, ...]) -> Iterator[str]:
    place = schema.get("$ref")
    if place in within:
        return
    if place is not None:
        yield from _codes(reduce(getitem, place.split("/")[1:], document), document, (*within, place))
        return
    unknown = schema.keys() - OF_LIMITS.keys() - NO_LIMITS
    if unknown or schema.get("type", "null") not in OF_TYPES or schema.get("format", "uuid") not in OF_FORMATS:
        raise Unknown(f"Nobody has said with which codes this is refused: {dict(schema)}")
    yield from OF_TYPES[schema.get("type", "null")]
    yield from OF_FORMATS.get(schema.get("format", ""), ())
    for limit in schema.keys() & OF_LIMITS.keys():
        yield from OF_LIMITS[limit]
    for part in _parts(schema):
        yield from _codes(part, document, within)


def _parts(schema: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    more = [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), Mapping)]
    return [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *more]
