"""Records that nobody approved are for development only."""

from __future__ import annotations

import pytest

from reliefpath.vocabulary import Profile
from scheduling.rules.records import require_approved


def test_a_development_profile_may_use_drafts() -> None:
    require_approved(Profile.DEVELOPMENT)


def test_a_production_profile_does_not_start_with_records_that_nobody_approved() -> None:
    with pytest.raises(LookupError, match="approved by nobody"):
        require_approved(Profile.PRODUCTION)
