"""An OpenAPI 3.1 document per service, with the examples that the tests execute."""

from __future__ import annotations

from typing import Any

from contracts.cards import api
from contracts.examples import Answer, answers, recorded, requests_of, unrecorded


def document(service: str) -> dict[str, Any]:
    """A service's OpenAPI document."""
    described, lacking = api(service).openapi(), unrecorded()
    kept = [one for one in answers() if one.service == service and one.place not in lacking]
    for item in described["paths"].values():
        for operation in item.values():
            _add_requests(operation)
            _add_answers(operation, kept)
    return described


def _add_requests(operation: dict[str, Any]) -> None:
    examples = requests_of(operation["operationId"])
    bodies = {one.name: {"summary": one.about, "value": one.body} for one in examples if one.body is not None}
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        if bodies:
            media["examples"] = bodies


def _add_answers(operation: dict[str, Any], kept: list[Answer]) -> None:
    for one in kept:
        if one.operation == operation["operationId"]:
            media = operation["responses"][str(one.status)]["content"]["application/json"]
            media["examples"] = {one.name: {"summary": one.about, "value": recorded(one)}}
