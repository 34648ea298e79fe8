"""Which records an installation may use."""

from __future__ import annotations

import pytest

from referral.rules.records import require_approved
from reliefpath.vocabulary import Profile


def test_development_may_use_drafts_and_production_names_every_one_it_refuses() -> None:
    require_approved(Profile.DEVELOPMENT)
    with pytest.raises(LookupError, match="approved by nobody"):
        require_approved(Profile.PRODUCTION)
