"""An OpenAPI 3.1 document per service, with the examples that the tests execute."""

from __future__ import annotations

from typing import Any

from backbone.problems import MEDIA_TYPE
from contracts.cards import api
from contracts.examples import Answer, answers, recorded, requests_of, unrecorded


def document(service: str) -> dict[str, Any]:
    """A service's OpenAPI document."""
    described, lacking = api(service).openapi(), unrecorded()
    there = [one for one in answers() if one.place not in lacking]
    kept = [one for one in there if one.service == service and one.status < 300]
    for item in described["paths"].values():
        for operation in item.values():
            _add_requests(operation, service)
            _add_answers(operation, kept)
    _add_refusals(described["components"]["responses"], service, [one for one in there if one.status >= 400])
    return described


def _add_requests(operation: dict[str, Any], service: str) -> None:
    examples = requests_of(operation["operationId"], service)
    bodies = {one.name: {"summary": one.about, "value": one.body} for one in examples if one.body is not None}
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        if bodies:
            media["examples"] = bodies


def _add_answers(operation: dict[str, Any], kept: list[Answer]) -> None:
    for one in kept:
        if one.to == operation["operationId"]:
            media = operation["responses"][str(one.status)]["content"]["application/json"]
            media["examples"] = {one.name: {"summary": one.about, "value": recorded(one)}}


def _add_refusals(responses: dict[str, Any], service: str, kept: list[Answer]) -> None:
    """Show each problem as it was met: here, or else in another service, as it is the same there."""
    for one in sorted(kept, key=lambda one: one.service == service):
        media = responses[f"Problem{one.status}"]["content"][MEDIA_TYPE]
        media["examples"][one.to] = {"summary": one.about, "value": recorded(one)}
