"""What differs between two OpenAPI documents in a way that breaks whoever calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from backbone.problems import MEDIA_TYPE
from contracts.schema_changes import (
    PASSING,
    Between,
    Change,
    Way,
    changed,
    differing,
    escaped,
    resolved,
    shared_changed,
)

METHODS: Final = ("get", "put", "post", "delete", "patch")
OPEN: Final[list[dict[str, Any]]] = [{}]
"""What needs no proof of who calls."""


def api_changed(old: Any, new: Any) -> list[Change]:
    """The breaking differences of two OpenAPI documents. Whatever has no rule here may not differ."""
    asked, answered = Between(old, new, Way.IN, once=True), Between(old, new, Way.OUT, once=True)
    found: dict[Change, None] = {}
    for part in (
        _document_changed(old, new),
        _refusals_changed(old, new, answered),
        _operations_changed(old, new, asked, answered),
        shared_changed(asked),
        shared_changed(answered),
    ):
        found |= dict.fromkeys(part)
    return list(found)


def _document_changed(old: Any, new: Any) -> Iterator[Change]:
    compared = {"info", "paths", "components", "security"}
    yield from differing(old, new, "", PASSING | compared)
    components, present = old.get("components", {}), new.get("components", {})
    for name, scheme in components.get("securitySchemes", {}).items():
        at = f"/components/securitySchemes/{escaped(name)}"
        for where, what in differing(scheme, present.get("securitySchemes", {}).get(name), at):
            yield where, f"callers prove otherwise who they are: {what}"


def _refusals_changed(old: Any, new: Any, answered: Between) -> Iterator[Change]:
    """What many operations answer alike."""
    there = new.get("components", {}).get("responses", {})
    for name, refusal in old.get("components", {}).get("responses", {}).items():
        place = f"/components/responses/{escaped(name)}"
        if name not in there:
            yield place, "the refusal is gone"
        else:
            yield from _answer_changed(refusal, there[name], answered, place)


def _types(refusal: Any) -> dict[str, dict[str, Any]]:
    examples = refusal.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    return {
        code: {name: example.get("value", {}).get(name) for name in ("type", "status")}
        for code, example in examples.items()
    }


def _operations_changed(old: Any, new: Any, asked: Between, answered: Between) -> Iterator[Change]:
    for path, item in old["paths"].items():
        there = new["paths"].get(path, {})
        yield from differing(item, there, f"/paths/{escaped(path)}", PASSING | set(METHODS))
        for method in METHODS:
            if method not in item:
                continue
            place = f"/paths/{escaped(path)}/{method}"
            if method not in there:
                yield place, "the operation is gone"
                continue
            before, after = item[method], there[method]
            compared = {"operationId", "security", "parameters", "requestBody", "responses"}
            yield from differing(before, after, place, PASSING | compared)
            if before["operationId"] != after["operationId"]:
                yield f"{place}/operationId", f"it was {before['operationId']} and clients name a function after it"
            yield from _proofs_changed(
                before.get("security", old.get("security")), after.get("security", new.get("security")), place
            )
            yield from _parameters_changed(before, after, asked, place)
            yield from _body_changed(before, after, asked, place)
            yield from _answers_changed(before["responses"], after["responses"], answered, place)


def _proofs_changed(before: Any, after: Any, place: str) -> Iterator[Change]:
    """Each way to prove who calls that was enough must be enough now."""
    for was in before or OPEN:
        if not any(_is_enough(was, is_) for is_ in after or OPEN):
            yield f"{place}/security", f"{' and '.join(was)} is not enough now" if was else "a token is needed now"


def _is_enough(given: dict[str, list[str]], needed: dict[str, list[str]]) -> bool:
    return all(name in given and set(scopes) <= set(given[name]) for name, scopes in needed.items())


def _parameters_changed(before: Any, after: Any, asked: Between, place: str) -> Iterator[Change]:
    was, is_ = _parameters(before, asked.old), _parameters(after, asked.new)
    for (where, name), parameter in was.items():
        at = f"{place}/parameters/{where}/{escaped(name)}"
        if (where, name) not in is_:
            yield at, "the parameter is gone"
            continue
        there = is_[where, name]
        if there.get("required") and not parameter.get("required"):
            yield at, "the parameter is required now"
        yield from differing(parameter, there, at, PASSING | {"required", "schema"})
        yield from changed(parameter.get("schema", {}), there.get("schema", {}), asked, at)
    for where, name in is_.keys() - was.keys():
        if is_[where, name].get("required"):
            yield f"{place}/parameters/{where}/{escaped(name)}", "the parameter is new and required"


def _parameters(operation: Any, document: Any) -> dict[tuple[str, str], Any]:
    return {
        (one["in"], one["name"]): one for one in (resolved(any_, document) for any_ in operation.get("parameters", ()))
    }


def _body_changed(before: Any, after: Any, asked: Between, place: str) -> Iterator[Change]:
    was, is_ = resolved(before.get("requestBody", {}), asked.old), resolved(after.get("requestBody", {}), asked.new)
    at = f"{place}/requestBody"
    if is_.get("required") and not was.get("required"):
        yield at, "a body is required now"
    if was:
        yield from differing(was, is_, at, PASSING | {"required", "content"})
    yield from _media_changed(was, is_, asked, at, "is not taken any more")


def _answers_changed(before: Any, after: Any, answered: Between, place: str) -> Iterator[Change]:
    for status in after.keys() - before.keys():
        if status < "400":
            yield f"{place}/responses/{status}", "the status is new, where earlier callers know what success is"
    for status, answer in before.items():
        at = f"{place}/responses/{status}"
        if status not in after:
            yield at, "the status is gone"
        elif not answer.get("$ref") or answer != after[status]:
            was, is_ = resolved(answer, answered.old), resolved(after[status], answered.new)
            yield from _answer_changed(was, is_, answered, at)


def _answer_changed(before: Any, after: Any, answered: Between, at: str) -> Iterator[Change]:
    yield from differing(before, after, at, PASSING | {"headers", "content", "links"})
    yield from _headers_changed(before, after, answered, at)
    yield from _media_changed(before, after, answered, at, "is not answered any more")
    yield from _types_changed(_types(before), _types(after), at)


def _types_changed(before: Any, after: Any, at: str) -> Iterator[Change]:
    """A problem is known by its type, and its type belongs to one status."""
    for code, told in before.items():
        if code not in after:
            yield at, f"the problem type {code} is gone"
        else:
            yield from differing(told, after[code], f"{at}/{escaped(code)}")


def _headers_changed(before: Any, after: Any, answered: Between, place: str) -> Iterator[Change]:
    for name, header in before.get("headers", {}).items():
        at = f"{place}/headers/{name}"
        if name not in after.get("headers", {}):
            yield at, "the header is gone"
            continue
        was, is_ = resolved(header, answered.old), resolved(after["headers"][name], answered.new)
        if was.get("required") and not is_.get("required"):
            yield at, "the header may be lacking now"
        yield from differing(was, is_, at, PASSING | {"required", "schema"})
        yield from changed(was.get("schema", {}), is_.get("schema", {}), answered, at)


def _media_changed(before: Any, after: Any, between: Between, at: str, gone: str) -> Iterator[Change]:
    for media, content in before.get("content", {}).items():
        there = after.get("content", {}).get(media)
        if there is None:
            yield at, f"{media} {gone}"
        else:
            yield from differing(content, there, at, PASSING | {"schema"})
            yield from changed(content.get("schema", {}), there.get("schema", {}), between, at)
