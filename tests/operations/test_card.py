"""Operations hears every topic and reacts to every event."""

from __future__ import annotations

from operations.card import SERVICE
from reliefpath.events import CATALOGUE, Speaker


def test_every_speaker_is_heard_and_every_event_is_reacted_to() -> None:
    assert set(SERVICE.hears) == set(Speaker)
    assert set(SERVICE.reactions) == set(CATALOGUE.values())
    assert not SERVICE.deadlines
