"""The API as it is built."""

from __future__ import annotations

from scheduling.app import build
from scheduling.card import SERVICE


def test_the_api_says_what_it_is_without_any_input_or_output() -> None:
    document = build().openapi()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Reliefpath scheduling"


def test_every_operation_has_a_name_of_its_own_and_every_body_stands_alone() -> None:
    document = build().openapi()
    operations = [one for path in document["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert "#/$defs/" not in str(document)


def test_the_lifecycle_is_the_appointments() -> None:
    assert [one.name for one in SERVICE.lifecycles] == ["appointment"]
