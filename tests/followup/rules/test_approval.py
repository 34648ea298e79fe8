"""A production profile uses no record that nobody approved."""

from __future__ import annotations

import pytest

from followup.rules.approval import refuse_drafts
from reliefpath.vocabulary import Profile


def test_a_development_profile_may_use_drafts() -> None:
    refuse_drafts(Profile.DEVELOPMENT)


def test_a_production_profile_refuses_them_in_one_sentence() -> None:
    with pytest.raises(LookupError, match="may not be used in production") as refused:
        refuse_drafts(Profile.PRODUCTION)
    assert "\n" not in str(refused.value)
