"""What breaks callers is not what breaks readers, and a schema may refer to itself."""

from __future__ import annotations

from typing import Any, Final

import pytest

from contracts.schema_changes import Between, Way, changed, differing, shared_changed

TEXT: Final = {"type": "string"}
OR_NOTHING: Final = {"anyOf": [TEXT, {"type": "null"}]}
OPEN_OR_SHUT: Final = {"type": "string", "enum": ["open", "shut"]}


@pytest.mark.parametrize(
    ("before", "after", "way", "found"),
    [
        (TEXT, OR_NOTHING, Way.IN, []),
        (OR_NOTHING, TEXT, Way.IN, ["/: null is not taken any more"]),
        (TEXT, OR_NOTHING, Way.OUT, ["/: null may come now"]),
        (OR_NOTHING, TEXT, Way.OUT, []),
        ({"type": "integer"}, {"type": "number"}, Way.IN, []),
        ({"type": "integer"}, {"type": "number"}, Way.OUT, ["/: its type changed from integer to number"]),
        (
            {"anyOf": [OPEN_OR_SHUT, {"type": "null"}]},
            {"anyOf": [{"type": "string", "enum": ["open", "shut", "ajar"]}, {"type": "null"}]},
            Way.OUT,
            ["/: the value ajar is new, which earlier readers refuse"],
        ),
        (
            {"properties": {"at": {"anyOf": [{"type": "object", "properties": {"code": TEXT}}, {"type": "null"}]}}},
            {"properties": {"at": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]}}},
            Way.OUT,
            ["/at/code: the field is gone"],
        ),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}, Way.IN,
         ["/: additionalProperties changed from any to none"]),
        ({"type": "integer", "default": 50}, {"type": "integer", "default": 9}, Way.IN,
         ["/: default changed from 50 to 9"]),
        ({"type": "integer", "default": 50}, {"type": "integer", "default": 9}, Way.OUT, []),
        (TEXT, {"type": "string", "maxLength": 5}, Way.IN, ["/: maxLength changed from nothing to 5"]),
        ({"type": "string", "maxLength": 5}, TEXT, Way.IN, []),
        (OPEN_OR_SHUT, TEXT, Way.IN, []),
        (OPEN_OR_SHUT, TEXT, Way.OUT, ["/: its values are no fixed list any more"]),
        (TEXT, OPEN_OR_SHUT, Way.IN, ["/: its values became a fixed list"]),
        (TEXT, OPEN_OR_SHUT, Way.OUT, []),
        ({"const": 1}, {"const": "1"}, Way.IN, ["/: the value 1 is gone"]),
        ({"type": "object"}, {"type": "object", "required": ["at"]}, Way.IN,
         ["/at: the field is new and required, which was never sent before"]),
        ({"type": "object", "required": ["at"]}, {"type": "object"}, Way.OUT, ["/at: the field may be lacking now"]),
        (OR_NOTHING, {**OR_NOTHING, "maxLength": 3}, Way.IN, ["/: maxLength changed from nothing to 3"]),
        (OR_NOTHING, {**OR_NOTHING, "pattern": "^a"}, Way.IN, ["/: its pattern changed from nothing to ^a"]),
        (OR_NOTHING, {**OR_NOTHING, "enum": ["a"]}, Way.IN, ["/: its values became a fixed list"]),
        (OR_NOTHING, {**OR_NOTHING, "required": ["at"]}, Way.IN,
         ["/at: the field is new and required, which was never sent before"]),
        (OR_NOTHING, {**OR_NOTHING, "oneOf": [TEXT]}, Way.IN,
         ["/: oneOf changed from nothing to [{\"type\": \"string\"}]"]),
        (True, False, Way.IN, ["/: not changed from nothing to {}"]),
        (False, True, Way.OUT, ["/: not changed from {} to nothing"]),
        (
            {"properties": {"a/b": TEXT}}, {"properties": {}}, Way.OUT, ["/a~1b: the field is gone"],
        ),
        (
            {"anyOf": [{"type": "object", "properties": {"at": TEXT}}, {"type": "object", "properties": {"by": TEXT}}]},
            {"anyOf": [{"type": "object", "properties": {"by": TEXT}}, {"type": "object", "properties": {"at": TEXT}}]},
            Way.OUT,
            [],
        ),
    ],
)  # fmt: skip
def test_what_breaks_callers_is_not_what_breaks_readers(before: Any, after: Any, way: Way, found: list[str]) -> None:
    between = Between(before, after, way)
    assert [f"{where}: {what}" for where, what in changed(before, after, between)] == found


def folder(name: dict[str, Any], called: str = "Folder") -> dict[str, Any]:
    """A document about folders within folders."""
    within = {"type": "array", "items": {"$ref": f"#/$defs/{called}"}}
    described = {"type": "object", "properties": {"name": name, "folders": within}}
    return {"$defs": {called: described}, "properties": {"one": {"$ref": f"#/$defs/{called}"}, "other": described}}


@pytest.mark.parametrize("called", ["Folder", "Renamed"])
def test_a_schema_may_refer_to_itself(called: str) -> None:
    before, same, after = folder(TEXT), folder(TEXT, called), folder({"type": "integer"}, called)
    assert list(changed(before, same, Between(before, same, Way.OUT))) == []
    found = {where for where, _ in changed(before, after, Between(before, after, Way.OUT))}
    assert {"/one/name", "/other/name"} <= found


def test_what_many_use_by_one_name_is_told_once() -> None:
    before, after = folder(TEXT), folder({"type": "integer"})
    between = Between(before, after, Way.OUT, once=True)
    assert [where for where, _ in changed(before, after, between)] == ["/other/name"]
    assert list(shared_changed(between)) == [
        ("/$defs/Folder/name", "its type changed from string to integer (used by /one and 1 more)")
    ]


def test_a_reference_with_something_beside_it_is_compared_with_that_too() -> None:
    before = {"$defs": {"Text": TEXT}, "properties": {"at": {"$ref": "#/$defs/Text", "default": "here"}}}
    after = {"$defs": {"Text": TEXT}, "properties": {"at": {"$ref": "#/$defs/Text", "default": "there"}}}
    assert list(changed(before, after, Between(before, after, Way.IN, once=True))) == [
        ("/at", "default changed from here to there")
    ]


def test_where_there_is_no_rule_every_difference_is_told_with_its_place() -> None:
    before = {"kept": [1], "gone": "x", "in": {"a/b": 1}, "description": "One."}
    after = {"kept": [1], "come": True, "in": {"a/b": 2}, "description": "Other."}
    assert list(differing(before, after, "/at")) == [
        ("/at/come", "it was nothing and is true"),
        ("/at/gone", "it was x and is nothing"),
        ("/at/in/a~1b", "it was 1 and is 2"),
    ]
