"""The API is built without any input or output, and promises what it serves."""

from __future__ import annotations

from operations.app import build
from operations.card import SERVICE


def test_building_the_api_needs_no_settings_and_its_contract_lists_every_route() -> None:
    paths = build().openapi()["paths"]
    ours = {path: set(methods) for path, methods in paths.items() if not path.startswith(("/streams", "/lifecycles"))}
    assert ours == {
        "/journeys": {"get"},
        "/journeys/{id}": {"get"},
        "/counts": {"get"},
        "/lag": {"get"},
        "/lag/{service}/{topic}/{partition}/restart": {"post"},
        **{f"/{shelf}": {"get"} for shelf in ("parked", "dead-letters", "deadlines")},
        **{f"/{shelf}/{{id}}": {"get"} for shelf in ("parked", "dead-letters", "deadlines")},
        **{f"/{shelf}/{{id}}/retry": {"post"} for shelf in ("parked", "dead-letters", "deadlines")},
        **{f"/{shelf}/{{id}}/discard": {"post"} for shelf in ("parked", "dead-letters", "deadlines")},
    }


def test_operations_says_nothing() -> None:
    assert SERVICE.says == ()
