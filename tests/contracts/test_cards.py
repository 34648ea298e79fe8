"""What is read off the cards: who says what upon what, and who hears it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from backbone.service import SERVICES
from contracts import cards
from contracts.cards import heard_by, lifecycles, one_line, said_on, speaker_of, without_titles
from reliefpath.events import CATALOGUE, FacilityListed, ReferralAccepted, ReferralDeclined
from tests.support.versions import second_version


def test_an_event_is_said_by_one_service_upon_the_actions_that_emit_it() -> None:
    assert {speaker_of(event) for event in CATALOGUE.values()} <= set(SERVICES)
    assert said_on(ReferralAccepted) == ["referral accept"]
    assert speaker_of(FacilityListed) == "scheduling"


def test_an_event_is_heard_by_those_who_react_to_it() -> None:
    assert heard_by(ReferralAccepted) == ["scheduling", "followup", "operations"]


def test_an_earlier_version_is_heard_by_those_who_react_to_what_is_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with second_version() as second:
        monkeypatch.setattr(
            cards, "card_of", lambda service: SimpleNamespace(reactions={second} if service == "followup" else {})
        )
        assert heard_by(ReferralDeclined) == heard_by(second) == ["followup"]


def test_every_lifecycle_has_a_name_of_its_own() -> None:
    assert len(lifecycles()) == 8


def test_a_docstring_fits_into_a_table() -> None:
    assert one_line("One | two\n    three.\n\n    More.") == "One \\| two three."


def test_titles_go_and_fields_of_that_name_stay() -> None:
    schema = {"title": "T", "properties": {"title": {"type": "string", "title": "Title"}}}
    assert without_titles(schema) == {"properties": {"title": {"type": "string"}}}
