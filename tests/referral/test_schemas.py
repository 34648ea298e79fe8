"""What the API shows, and to whom it shows no names."""

from __future__ import annotations

from typing import Any

from referral.schemas import IntakeShown, JourneyShown, ReferralListed, ReferralShown


def fields(schema: Any) -> set[str]:
    """Every field of a schema, at any depth."""
    if isinstance(schema, dict):
        own = set(schema.get("properties", {}))
        return own.union(*(fields(one) for one in schema.values()))
    return set().union(*(fields(one) for one in schema)) if isinstance(schema, list) else set()


def test_a_journey_has_no_place_for_a_name_a_number_or_a_sentence() -> None:
    forbidden = {
        "family",
        "given",
        "birth_date",
        "identifiers",
        "patient",
        "text",
        "note",
        "goal",
        "phones",
        "addresses",
    }
    assert not fields(JourneyShown.model_json_schema()) & forbidden


def test_whatever_can_be_changed_shows_its_version() -> None:
    for shown in (ReferralShown, IntakeShown, ReferralListed):
        assert {"id", "version"} <= set(shown.model_fields)
