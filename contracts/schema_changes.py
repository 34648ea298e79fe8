"""What differs between two schemas in a way that breaks whoever reads, or whoever calls.

A document goes from us to readers, or from callers to us. For readers, what they were told is always there must stay,
and no value may come that they were told would not; for callers, what they were told is taken must go on being taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

PASSING: Final = frozenset(
    {"title", "description", "examples", "example", "$id", "$schema", "deprecated", "summary", "tags", "externalDocs"}
)
"""What changes nothing for anybody."""

COMPARED: Final = {
    "type", "format", "enum", "const", "properties", "required", "items", "additionalProperties", "pattern",
    "default", "$ref", "$defs",
}  # fmt: skip
"""What is compared by its meaning. Whatever else differs is a breach, as nobody has thought about it yet."""

LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")

Change = tuple[str, str]
"""Where, as a JSON pointer, and what."""


class Way(Enum):
    """Which way a document goes: from us to readers, or from callers to us."""

    OUT = "readers"
    IN = "callers"


@dataclass(slots=True)
class Between:
    """The two documents to which schemas belong, and which way they go."""

    old: Any
    new: Any
    way: Way
    once: bool = False
    """Whether what both refer to by one name is compared once, by `shared_changed`, and not wherever it is used."""

    used: dict[str, list[str]] = field(default_factory=dict)
    """Per reference that both have: where it is used."""

    comparing: set[tuple[str, str]] = field(default_factory=set)
    """What is being compared, by its name on either side."""


def changed(before: Any, after: Any, between: Between, at: str = "") -> Iterator[Change]:
    """The breaking differences of two schemas."""
    names = _reference(before), _reference(after)
    if between.once and names[0] == names[1] != "" and _same(before, after):
        between.used.setdefault(names[0], []).append(at)
        return
    if all(names) and names in between.comparing:  # it refers to itself: that is being compared
        return
    between.comparing.add(names)
    yield from _changed(resolved(before, between.old), resolved(after, between.new), between, at)
    between.comparing.discard(names)


def shared_changed(between: Between) -> Iterator[Change]:
    """The breaking differences of what was met by one name on both sides, each told once."""
    told: set[str] = set()
    while left := sorted(between.used.keys() - told):
        for name in left:
            told.add(name)
            before, after = (resolved({"$ref": name}, document) for document in (between.old, between.new))
            for where, what in _changed(before, after, between, name.removeprefix("#")):
                first, *others = between.used[name]
                yield where, f"{what} (used by {first}{f' and {len(others)} more' if others else ''})"


def differing(before: Any, after: Any, at: str, passing: frozenset[str] = PASSING) -> Iterator[Change]:
    """Every difference between two values of a document for which there is no rule."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted((before.keys() | after.keys()) - passing):
            yield from differing(before.get(name), after.get(name), f"{at}/{escaped(name)}", passing)
    elif before != after:
        yield at, f"it was {_told(before)} and is {_told(after)}"


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def resolved(schema: Any, within: Any) -> Any:
    """A schema without a reference at its top, and as an object where it was `true` or `false`."""
    seen: set[str] = set()
    while (name := _reference(schema)) and name not in seen:
        seen.add(name)
        found = within
        for part in name.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        found = _as_object(found)
        schema = {**found, **{name: value for name, value in schema.items() if name != "$ref"}}
    return _as_object(schema)


def _changed(before: Any, after: Any, between: Between, at: str) -> Iterator[Change]:
    if _branches(before) or _branches(after):
        yield from _choices(before, after, between, at)
        return
    wider = between.way is Way.IN and (before.get("type"), after.get("type")) == ("integer", "number")
    if _shape(before) != _shape(after) and not wider:
        yield at or "/", f"its type changed from {_named(before)} to {_named(after)}"
        return
    yield from _plainly_changed(before, after, between, at)


def _plainly_changed(before: Any, after: Any, between: Between, at: str) -> Iterator[Change]:
    """The differences of two schemas of one shape, or of what stands beside their branches."""
    yield from _values(before, after, between.way, at)
    yield from _limits(before, after, between.way, at)
    yield from _properties(before, after, between, at)
    yield from _inside(before, after, between, at)
    yield from _whatever_else(before, after, between.way, at)


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, dict) else ""


def _as_object(schema: Any) -> Any:
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema


def _told(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)


def _branches(schema: Any) -> list[Any]:
    return list(schema.get("anyOf", schema.get("oneOf", [])))


def _beside(schema: Any) -> Any:
    """What a schema asks beside its branches; all of it where it has none."""
    return {name: value for name, value in schema.items() if name != ("anyOf" if "anyOf" in schema else "oneOf")}


def _inside(before: Any, after: Any, between: Between, at: str) -> Iterator[Change]:
    """What lists and objects hold beyond what is named. Wider is for callers, narrower for readers."""
    for name in ("items", "additionalProperties"):
        was, is_ = (_rest(one.get(name)) for one in (before, after))
        if was and is_:
            yield from changed(was, is_, between, f"{at}/{name}")
        elif (_width(is_) < _width(was)) is (between.way is Way.IN) and _width(was) != _width(is_) and was is not False:
            yield at or "/", f"{name} changed from {_said(was)} to {_said(is_)}"


def _rest(schema: Any) -> Any:
    return {} if schema is None or schema is True else schema


def _width(schema: Any) -> int:
    return 0 if schema is False else 1 if schema else 2


def _said(schema: Any) -> str:
    return "none" if schema is False else "some" if schema else "any"


def _whatever_else(before: Any, after: Any, way: Way, at: str) -> Iterator[Change]:
    """What has no rule here. A default is what callers get who say nothing; readers see what came of it."""
    known = PASSING | COMPARED | {*LEAST, *MOST}
    names = {*before, *after} - known | ({"default"} if way is Way.IN else set())
    for name in sorted(names):
        if before.get(name) != after.get(name):
            yield at or "/", f"{name} changed from {_told(before.get(name))} to {_told(after.get(name))}"


def _shape(schema: Any) -> tuple[Any, Any]:
    kind = schema.get("type")
    return (tuple(sorted(kind)) if isinstance(kind, list) else kind), schema.get("format")


def _named(schema: Any) -> str:
    kind, form = _shape(schema)
    return f"{kind or ('a choice' if 'anyOf' in schema else 'anything')}{f' ({form})' if form else ''}"


def _values(before: Any, after: Any, way: Way, at: str) -> Iterator[Change]:
    was, is_ = _allowed(before), _allowed(after)
    if was == is_:
        return
    if was is None or is_ is None:
        if is_ is not None and way is Way.IN:
            yield at or "/", "its values became a fixed list"
        if is_ is None and way is Way.OUT:
            yield at or "/", "its values are no fixed list any more"
        return
    gone, come = (", ".join(_told(json.loads(one)) for one in sorted(these)) for these in (was - is_, is_ - was))
    if gone:
        yield at or "/", f"the value {gone} is gone"
    if come and way is Way.OUT:
        yield at or "/", f"the value {come} is new, which earlier readers refuse"


def _allowed(schema: Any) -> frozenset[str] | None:
    """The values of a fixed list, as JSON: 1 is not "1"."""
    if "const" in schema:
        return frozenset({json.dumps(schema["const"])})
    return frozenset(map(json.dumps, schema["enum"])) if "enum" in schema else None


def _limits(before: Any, after: Any, way: Way, at: str) -> Iterator[Change]:
    """A limit may be loosened for callers and tightened for readers, and not the other way round."""
    for name in (*LEAST, *MOST):
        was, is_ = before.get(name), after.get(name)
        if was == is_:
            continue
        loosest = float("-inf") if name in LEAST else float("inf")
        lower = (loosest if is_ is None else is_) < (loosest if was is None else was)
        looser = lower if name in LEAST else not lower
        if looser is (way is Way.OUT):
            yield at or "/", f"{name} changed from {_told(was)} to {_told(is_)}"
    wider = after if way is Way.IN else before
    if before.get("pattern") != after.get("pattern") and "pattern" in wider:
        yield at or "/", f"its pattern changed from {_told(before.get('pattern'))} to {_told(after.get('pattern'))}"


def _properties(before: Any, after: Any, between: Between, at: str) -> Iterator[Change]:
    was, is_ = before.get("properties", {}), after.get("properties", {})
    needed, needs = set(before.get("required", ())), set(after.get("required", ()))
    for name, schema in was.items():
        place = f"{at}/{escaped(name)}"
        if name not in is_:
            yield place, "the field is gone" + _renamed(name, schema, was, is_)
            continue
        if name in needs and name not in needed and between.way is Way.IN:
            yield place, "the field is required now"
        if name in needed and name not in needs and between.way is Way.OUT:
            yield place, "the field may be lacking now"
        yield from changed(schema, is_[name], between, place)
    for name in sorted(needed - needs - was.keys()):
        if between.way is Way.OUT:
            yield f"{at}/{escaped(name)}", "the field may be lacking now"
    for name in sorted((needs - was.keys()) - needed):
        if between.way is Way.IN:
            yield f"{at}/{escaped(name)}", "the field is new and required, which was never sent before"


def _renamed(name: str, schema: Any, was: Any, is_: Any) -> str:
    alike = [other for other in is_.keys() - was.keys() if _same(is_[other], schema)]
    return f" (renamed to {alike[0]}?)" if len(alike) == 1 else ""


def _same(one: Any, other: Any) -> bool:
    return not any(differing(one, other, ""))


def _choices(before: Any, after: Any, between: Between, at: str) -> Iterator[Change]:
    """Branches are compared with those of their kind; one that has none there is taken no more, or may come now."""
    was, is_ = _branches(before) or [before], _branches(after) or [after]
    for alike in (_same, _of_one_name, lambda one, other: _of_one_shape(one, other, between)):
        for one in list(was):
            other = next((other for other in is_ if alike(one, other)), None)
            if other is not None:
                was.remove(one)
                is_.remove(other)
                yield from changed(one, other, between, at)
    if between.way is Way.IN:
        yield from ((at or "/", f"{_named(resolved(one, between.old))} is not taken any more") for one in was)
    else:
        yield from ((at or "/", f"{_named(resolved(one, between.new))} may come now") for one in is_)
    if _branches(before) and _branches(after):
        yield from _plainly_changed(_beside(before), _beside(after), between, at)
    else:
        yield from _whatever_else(_beside(before), _beside(after), between.way, at)


def _of_one_name(one: Any, other: Any) -> bool:
    return _reference(one) == _reference(other) != ""


def _of_one_shape(one: Any, other: Any, between: Between) -> bool:
    return _shape(resolved(one, between.old)) == _shape(resolved(other, between.new))
