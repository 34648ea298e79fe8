"""A JSON Schema (2020-12) and a readable page per event and version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from contracts.cards import GENERATED, heard_by, one_line, said_on, speaker_of, without_titles
from contracts.examples import Said, examples_of
from reliefpath.events import Event, topic_of

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ADDRESS: Final = "https://reliefpath.example/contracts/events/"


def schema(event: type[Event]) -> dict[str, Any]:
    """The schema of an event's data. A field that it does not name may come: the speaker may be newer."""
    found = without_titles(event.model_json_schema(mode="validation"))
    return {
        "$schema": DIALECT,
        "$id": f"{ADDRESS}{event.type}.json",
        "title": event.__name__,
        **found,
        "examples": [one.data for one in examples_of(event)],
    }


def page(event: type[Event]) -> str:
    """What has happened, its data, who says it, who hears it, and an example that the tests execute."""
    return "\n".join(_page(event)).rstrip() + "\n"


def _page(event: type[Event]) -> Iterator[str]:
    yield GENERATED
    yield f"# {event.__name__}"
    yield ""
    yield one_line(event.__doc__)
    yield ""
    yield f"- type: `{event.type}`, schema: [{event.type}.json]({event.type}.json)"
    yield f"- topic: `{topic_of(event.speaker)}`, key: the {'facility' if _is_of_facility(event) else 'journey'}'s id"
    yield f"- said by {speaker_of(event)}" + _on(event)
    yield f"- heard by {', '.join(heard_by(event)) or 'nobody here'}"
    yield ""
    if event.model_fields:
        yield from _fields(event)
    for one in examples_of(event):
        yield from _example(one)


def _is_of_facility(event: type[Event]) -> bool:
    return event.speaker.value == "directory"


def _on(event: type[Event]) -> str:
    actions = said_on(event)
    return f" on {', '.join(f'`{one}`' for one in actions)}" if actions else ""


def _fields(event: type[Event]) -> Iterator[str]:
    described = schema(event)
    yield "| field | type | |"
    yield "|---|---|---|"
    for name, field in described["properties"].items():
        needed = "" if name in described.get("required", ()) else "optional"
        yield f"| `{name}` | {in_words(field, described)} | {needed} |"
    yield ""


def in_words(field: dict[str, Any], within: dict[str, Any]) -> str:
    """A field's schema in words."""
    if "$ref" in field:
        return in_words(within["$defs"][field["$ref"].rpartition("/")[2]], within)
    if "anyOf" in field:
        return " or ".join(in_words(one, within) for one in field["anyOf"] if one.get("type") != "null")
    if "enum" in field or "const" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {in_words(field['items'], within)}" if "items" in field else "list"
    if field.get("type") == "object" and "properties" in field:
        return (
            "{ " + ", ".join(f"`{name}`: {in_words(one, within)}" for name, one in field["properties"].items()) + " }"
        )
    known = {"uuid": "id", "date-time": "time", "date": "date"}
    return known.get(
        field.get("format", ""), {"string": "code", "boolean": "yes or no"}.get(_type(field), _type(field))
    )


def _type(field: dict[str, Any]) -> str:
    return str(field.get("type", "anything"))


def _example(one: Said) -> Iterator[str]:
    yield f"## Example{': ' + one.about if one.about else ''}"
    yield ""
    yield "```json"
    yield json.dumps(one.data, indent=1, ensure_ascii=False)
    yield "```"
    yield ""
