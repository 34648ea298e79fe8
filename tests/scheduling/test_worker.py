"""The worker as it is put together."""

from __future__ import annotations

import pytest

from backbone.settings import Settings
from reliefpath.vocabulary import Profile
from scheduling import app
from scheduling.reactions import DEADLINES, REACTIONS
from scheduling.worker import SERVICE


def test_the_worker_hears_and_watches_everything_the_service_reacts_to() -> None:
    assert SERVICE.reactions == REACTIONS
    assert SERVICE.deadlines == DEADLINES
    assert (SERVICE.says, SERVICE.hears) == (app.SERVICE.says, app.SERVICE.hears)


@pytest.mark.parametrize("service", [SERVICE, app.SERVICE])
def test_neither_process_starts_in_production_on_records_that_nobody_approved(service: object) -> None:
    assert SERVICE.prepare is not None
    with pytest.raises(LookupError):
        SERVICE.prepare(Settings(profile=Profile.PRODUCTION))
