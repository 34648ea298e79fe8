"""Whether those who read the released contracts can go on with the present ones.

An event goes from us to readers: what they were told is always there must stay, and no value may come that they were
told would not. It stays on its topic for ever, too: what was said once must be readable by the present contract. A
request goes from callers to us: what they were told is taken must go on being taken. An answer goes as an event does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from contracts.cards import HERE

RELEASED: Final = HERE / "released"
KEPT: Final = ("openapi", "events")
TOPICS: Final = "asyncapi.json"
METHODS: Final = ("get", "put", "post", "delete", "patch")
PASSING: Final = {"title", "description", "examples", "example", "$id", "$schema", "deprecated", "summary"}
"""What changes nothing for anybody."""

COMPARED: Final = {
    "type", "format", "enum", "const", "properties", "required", "items", "additionalProperties", "anyOf", "oneOf",
    "pattern", "default", "$ref", "$defs",
}  # fmt: skip
"""What is compared by its meaning. Whatever else differs is a breach, as nobody has thought about it yet."""


class Way(Enum):
    """Which way a document goes: from us to readers, or from callers to us."""

    OUT = "readers"
    IN = "callers"


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that would not be kept: where, what changed, and the way out."""

    place: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.way_out}"


NEW_VERSION: Final = (
    "Leave v1 as it was released and say the change as v2 beside it, with an upcaster from v1 (docs/integrators.md)."
)
NEW_OPERATION: Final = "Leave it as it was released and offer the change under another operation beside it."


def breaches(released: Path = RELEASED, present: Path = HERE) -> list[Breach]:
    """Every released promise that the present contracts would break."""
    found: list[Breach] = []
    for path in sorted((released / "events").glob("*.json")):
        place, now = f"events/{path.name}", present / "events" / path.name
        if not now.is_file():
            found.append(Breach(place, "the event is gone", NEW_VERSION))
            continue
        found += [
            Breach(f"{place}#{where}", what, NEW_VERSION) for where, what in event_changed(_read(path), _read(now))
        ]
    for path in sorted((released / "openapi").glob("*.json")):
        place, now = f"openapi/{path.name}", present / "openapi" / path.name
        if not now.is_file():
            found.append(Breach(place, "the API is gone", NEW_OPERATION))
            continue
        found += [
            Breach(f"{place}#{where}", what, NEW_OPERATION) for where, what in api_changed(_read(path), _read(now))
        ]
    if (released / TOPICS).is_file():
        changes = topics_changed(_read(released / TOPICS), _read(present / TOPICS))
        found += [Breach(f"{TOPICS}#{where}", what, NEW_VERSION) for where, what in changes]
    return found


def release(present: Path = HERE, released: Path = RELEASED) -> None:
    """Make the present contracts the released ones."""
    for name in KEPT:
        shutil.rmtree(released / name, ignore_errors=True)
        shutil.copytree(present / name, released / name, ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(present / TOPICS, released / TOPICS)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


Change = tuple[str, str]


def event_changed(before: Any, after: Any) -> Iterator[Change]:
    """The breaking differences of an event's schemas: for readers of those that will come, and of those there are."""
    for_readers = list(changed(before, after, Way.OUT, before, after))
    named = {where for where, _ in for_readers}
    yield from for_readers
    for where, what in changed(before, after, Way.IN, before, after):
        if where not in named:
            yield where, f"{what}, and what is on the topics already would not be read any more"


def changed(before: Any, after: Any, way: Way, old: Any, new: Any, at: str = "") -> Iterator[Change]:
    """The breaking differences of two schemas, each with its JSON pointer; `old` and `new` hold what they refer to."""
    before, after = _resolved(before, old), _resolved(after, new)
    if _branches(before) or _branches(after):
        yield from _choices(before, after, way, old, new, at)
        return
    wider = way is Way.IN and (before.get("type"), after.get("type")) == ("integer", "number")
    if _shape(before) != _shape(after) and not wider:
        yield at or "/", f"its type changed from {_named(before)} to {_named(after)}"
        return
    yield from _values(before, after, way, at)
    yield from _limits(before, after, way, at)
    if "properties" in before or "properties" in after:
        yield from _properties(before, after, way, old, new, at)
    yield from _inside(before, after, way, old, new, at)
    yield from _whatever_else(before, after, way, at)


def _branches(schema: Any) -> list[Any]:
    return list(schema.get("anyOf", schema.get("oneOf", [])))


def _inside(before: Any, after: Any, way: Way, old: Any, new: Any, at: str) -> Iterator[Change]:
    """What lists and objects hold beyond what is named. Wider is for callers, narrower for readers."""
    for name in ("items", "additionalProperties"):
        was, is_ = (_rest(one.get(name)) for one in (before, after))
        if was and is_:
            yield from changed(was, is_, way, old, new, f"{at}/{name}")
        elif (_width(is_) < _width(was)) is (way is Way.IN) and _width(was) != _width(is_) and was is not False:
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
            yield at or "/", f"{name} changed from {before.get(name)} to {after.get(name)}"


def _resolved(schema: Any, within: Any) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        found = within
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = {**found, **{name: value for name, value in schema.items() if name != "$ref"}}
    return {} if schema is True else schema


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
        narrowed = is_ is not None
        if narrowed or way is Way.OUT:
            yield at or "/", "its values became a fixed list" if narrowed else "its values are no fixed list any more"
        return
    gone, come = sorted(was - is_), sorted(is_ - was)
    if gone:
        yield at or "/", f"the value {', '.join(gone)} is gone"
    if come and way is Way.OUT:
        yield at or "/", f"the value {', '.join(come)} is new, which earlier readers refuse"


def _allowed(schema: Any) -> frozenset[str] | None:
    if "const" in schema:
        return frozenset({str(schema["const"])})
    return frozenset(map(str, schema["enum"])) if "enum" in schema else None


LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


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
            yield at or "/", f"{name} changed from {was} to {is_}"
    if before.get("pattern") != after.get("pattern") and not (way is Way.IN and "pattern" not in after):
        yield at or "/", f"its pattern changed from {before.get('pattern')} to {after.get('pattern')}"


def _properties(before: Any, after: Any, way: Way, old: Any, new: Any, at: str) -> Iterator[Change]:
    was, is_ = before.get("properties", {}), after.get("properties", {})
    needed, needs = set(before.get("required", ())), set(after.get("required", ()))
    for name, schema in was.items():
        place = f"{at}/{name}"
        if name not in is_:
            yield place, "the field is gone" + _renamed(name, schema, was, is_)
            continue
        if name in needs and name not in needed and way is Way.IN:
            yield place, "the field is required now"
        if name in needed and name not in needs and way is Way.OUT:
            yield place, "the field may be lacking now"
        yield from changed(schema, is_[name], way, old, new, place)
    for name in is_.keys() - was.keys():
        if name in needs:
            yield f"{at}/{name}", "the field is new and required" + _of_old(way)


def _of_old(way: Way) -> str:
    return ", which earlier events on the topics lack" if way is Way.OUT else ", which earlier callers do not send"


def _renamed(name: str, schema: Any, was: Any, is_: Any) -> str:
    alike = [other for other in is_.keys() - was.keys() if _same(is_[other], schema)]
    return f" (renamed to {alike[0]}?)" if len(alike) == 1 else ""


def _same(one: Any, other: Any) -> bool:
    return {k: v for k, v in one.items() if k not in PASSING} == {k: v for k, v in other.items() if k not in PASSING}


def _choices(before: Any, after: Any, way: Way, old: Any, new: Any, at: str) -> Iterator[Change]:
    """Branches are compared with those of their kind; one that has none there is taken no more, or may come now."""
    was = [_resolved(one, old) for one in _branches(before) or [before]]
    is_ = [_resolved(one, new) for one in _branches(after) or [after]]
    for one in list(was):
        alike = next((other for other in is_ if _shape(other) == _shape(one)), None)
        if alike is not None:
            is_.remove(alike)
            was.remove(one)
            yield from changed(one, alike, way, old, new, at)
    if way is Way.IN:
        yield from ((at or "/", f"{_named(one)} is not taken any more") for one in was)
    else:
        yield from ((at or "/", f"{_named(one)} may come now") for one in is_)
    yield from _whatever_else(before, after, way, at)


def topics_changed(old: Any, new: Any) -> Iterator[Change]:
    """The breaking differences of two AsyncAPI documents: topics, keys, and the headers of each message."""
    key = ("components", "messageTraits", "cloudEvent", "bindings", "kafka", "key")
    yield from changed(_at(old, *key), _at(new, *key), Way.OUT, old, new, "/" + "/".join(key))
    for name, channel in old["channels"].items():
        place, there = f"/channels/{name}", new["channels"].get(name)
        if there is None:
            yield place, "the topic is gone"
            continue
        if there["address"] != channel["address"]:
            yield f"{place}/address", f"the topic was {channel['address']} and is {there['address']}"
        for message in channel["messages"].keys() - there["messages"].keys():
            yield f"{place}/messages/{message}", "the event is not said on this topic any more"
    for name, message in old["components"]["messages"].items():
        if (now := new["components"]["messages"].get(name)) is not None:
            place = f"/components/messages/{name}/headers"
            yield from changed(message["headers"], now["headers"], Way.OUT, old, new, place)


def _at(document: Any, *path: str) -> Any:
    for part in path:
        document = document.get(part, {})
    return document


def api_changed(old: Any, new: Any) -> Iterator[Change]:
    """The breaking differences of two OpenAPI documents."""
    if old.get("servers") != new.get("servers"):
        yield "/servers", "the addresses changed"
    for name, scheme in _at(old, "components", "securitySchemes").items():
        there = _at(new, "components", "securitySchemes").get(name, {})
        if {k: v for k, v in scheme.items() if k != "description"} != {
            k: v for k, v in there.items() if k != "description"
        }:
            yield f"/components/securitySchemes/{name}", "callers prove otherwise who they are"
    for name, refusal in _at(old, "components", "responses").items():
        place = f"/components/responses/{name}"
        for code in _codes(refusal) - _codes(_at(new, "components", "responses").get(name, {})):
            yield place, f"the problem type {code} is gone"
    for path, item in old["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            place = f"/paths/{path.replace('/', '~1')}/{method}"
            there = new["paths"].get(path, {}).get(method)
            if there is None:
                yield place, "the operation is gone"
                continue
            yield from _operation_changed(item[method], there, old, new, place)


def _codes(refusal: Any) -> set[str]:
    return {code for media in refusal.get("content", {}).values() for code in media.get("examples", {})}


def _operation_changed(before: Any, after: Any, old: Any, new: Any, place: str) -> Iterator[Change]:
    if before["operationId"] != after["operationId"]:
        yield f"{place}/operationId", f"it was {before['operationId']} and clients name a function after it"
    if after.get("security") and not before.get("security"):
        yield f"{place}/security", "a token is needed now"
    yield from _parameters_changed(before, after, old, new, place)
    yield from _body_changed(before, after, old, new, place)
    for status, answer in before["responses"].items():
        where = f"{place}/responses/{status}"
        if status not in after["responses"]:
            yield where, "the status is gone"
            continue
        was, is_ = (
            _resolved(one, doc).get("content", {}) for one, doc in ((answer, old), (after["responses"][status], new))
        )
        for media, content in was.items():
            if media not in is_:
                yield where, f"{media} is not answered any more"
            else:
                yield from changed(content.get("schema", {}), is_[media].get("schema", {}), Way.OUT, old, new, where)


def _parameters_changed(before: Any, after: Any, old: Any, new: Any, place: str) -> Iterator[Change]:
    was = {(one["in"], one["name"]): one for one in before.get("parameters", ())}
    is_ = {(one["in"], one["name"]): one for one in after.get("parameters", ())}
    for (where, name), parameter in was.items():
        at = f"{place}/parameters/{where}/{name}"
        if (where, name) not in is_:
            yield at, "the parameter is gone"
            continue
        there = is_[where, name]
        if there.get("required") and not parameter.get("required"):
            yield at, "the parameter is required now"
        yield from changed(parameter["schema"], there["schema"], Way.IN, old, new, at)
    for where, name in is_.keys() - was.keys():
        if is_[where, name].get("required"):
            yield f"{place}/parameters/{where}/{name}", "the parameter is new and required"


def _body_changed(before: Any, after: Any, old: Any, new: Any, place: str) -> Iterator[Change]:
    was, is_ = before.get("requestBody", {}), after.get("requestBody", {})
    at = f"{place}/requestBody"
    if is_.get("required") and not was.get("required"):
        yield at, "a body is required now"
    for media, content in was.get("content", {}).items():
        there = is_.get("content", {}).get(media)
        if there is None:
            yield at, f"{media} is not taken any more"
        else:
            yield from changed(content.get("schema", {}), there.get("schema", {}), Way.IN, old, new, at)
