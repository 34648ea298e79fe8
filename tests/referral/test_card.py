"""The card holds what the service reacts to, and keeps it from starting on what nobody approved."""

from __future__ import annotations

import pytest

from backbone.settings import Settings
from referral.card import SERVICE
from referral.reactions import DEADLINES, REACTIONS
from reliefpath.vocabulary import Profile


def test_everything_the_service_reacts_to_is_on_its_card() -> None:
    assert SERVICE.reactions == REACTIONS
    assert SERVICE.deadlines == DEADLINES


def test_production_does_not_start_with_records_that_nobody_approved() -> None:
    assert SERVICE.prepare is not None
    SERVICE.prepare(Settings(profile=Profile.DEVELOPMENT))
    with pytest.raises(LookupError, match="may not be used in production"):
        SERVICE.prepare(Settings(profile=Profile.PRODUCTION))
