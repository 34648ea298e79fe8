"""An API's contract: OpenAPI 3.1 in which every refusal is described once, with each of its problem types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI

from backbone.idempotency import MOST_KEY_CHARACTERS
from backbone.problems import (
    CONFLICTS,
    MEDIA_TYPE,
    PROBLEMS,
    TYPE_PREFIX,
    Conflict,
    MethodNotAllowed,
    Problem,
    ProblemDocument,
    Reason,
)

ABOUT: Final = """\
Every POST takes an `Idempotency-Key`: repeated with the same key and body within a day it is done once and answered as
the first time. An action on a thing that exists, and a PUT, takes `If-Match` with the ETag of the version it was
decided on. Whatever is refused is a problem document (RFC 9457) that names every reason and how to
satisfy it. Fields are only ever added within `v1`; ignore those you do not know."""

PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"$ref": f"#/components/responses/Problem{status}"}
    for status in sorted({one.status for one in PROBLEMS} - {MethodNotAllowed.status})
}
"""The refusals that any operation may answer with, for its `responses`. Another method is answered by none."""


HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": MOST_KEY_CHARACTERS},
    "If-Match": {"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'},
}
"""What a key and a version look like."""


ANSWERED: Final[dict[str, dict[str, Any]]] = {
    "Allow": {"description": "The methods that are answered at this address.", "schema": {"type": "string"}},
    "ETag": {"description": "The version that is shown, for If-Match.", "schema": {"type": "string"}},
    "Location": {"description": "The address of what was made.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to prove who calls (RFC 6750).", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds after which to send the same again.", "schema": {"type": "integer"}},
}
"""Headers of answers, by their names."""


class Api(FastAPI):
    """An application that describes its refusals in one place of its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            described = super().openapi()
            components = described.setdefault("components", {})
            components["responses"] = {
                f"Problem{status}": _refusal(status) for status in sorted({one.status for one in PROBLEMS})
            }
            for model in (ProblemDocument, Reason):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schema.pop("$defs", None)
                components.setdefault("schemas", {})[model.__name__] = schema
            for item in described["paths"].values():
                for operation in item.values():
                    _require_headers(operation)
                    _leave_words_to_what_is_referred_to(operation)
                    _tell_headers(operation, components["schemas"])
            self.openapi_schema = described
        return self.openapi_schema


def _require_headers(operation: dict[str, Any]) -> None:
    """Say of key and version that they are needed: that they are lacking is answered with a problem of its own."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header":
            parameter["required"] = True
            parameter["schema"] = HEADERS[parameter["name"]]


def _leave_words_to_what_is_referred_to(operation: dict[str, Any]) -> None:
    """FastAPI puts Python's own phrase for the status beside the reference, which Python 3.13 says in other words."""
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            operation["responses"][status] = {"$ref": answer["$ref"]}


def _tell_headers(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Say that what has a version is answered with it as ETag, and what is new with its address."""
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        shown = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
        named = [
            *(["ETag"] if "version" in shown.get("properties", {}) else []),
            *(["Location"] if status == "201" else []),
        ]
        if status.startswith("2") and named:
            answer["headers"] = {name: ANSWERED[name] for name in named}


def _refusal(status: int) -> dict[str, Any]:
    kinds = [one for one in PROBLEMS if one.status == status]
    types = [(one.code, one.title) for one in kinds if one is not Conflict]
    if Conflict in kinds:
        types += sorted(CONFLICTS.items())
    answered = {401: "WWW-Authenticate", 405: "Allow", 412: "ETag", 503: "Retry-After"}.get(status)
    return {
        "description": "; ".join(sorted({title for _, title in types})) + ".",
        **({"headers": {answered: ANSWERED[answered]}} if answered else {}),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                "examples": {code: {"value": _example(status, code, title)} for code, title in types},
            }
        },
    }


def _example(status: int, code: str, title: str) -> dict[str, Any]:
    return {"type": TYPE_PREFIX + code, "title": title, "status": status, "detail": f"{title}."}


def problem_types() -> dict[str, tuple[int, str]]:
    """Every problem type's code, with its status and title."""
    plain: list[type[Problem]] = [one for one in PROBLEMS if one is not Conflict]
    return {one.code: (one.status, one.title) for one in plain} | {
        code: (Conflict.status, title) for code, title in CONFLICTS.items()
    }
