"""An OpenAPI 3.1 document per service, with the examples that the tests execute."""

from __future__ import annotations

from typing import Any

from contracts.cards import api
from contracts.examples import requests_of


def document(service: str) -> dict[str, Any]:
    """A service's OpenAPI document."""
    described = api(service).openapi()
    for item in described["paths"].values():
        for operation in item.values():
            _add_examples(operation)
    return described


def _add_examples(operation: dict[str, Any]) -> None:
    examples = requests_of(operation["operationId"])
    bodies = {one.name: {"summary": one.about, "value": one.body} for one in examples if one.body is not None}
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        if bodies:
            media["examples"] = bodies
