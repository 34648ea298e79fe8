"""What the tests of the consumer share."""

from __future__ import annotations

import pytest

from backbone import consumer as subject
from backbone import hearing, retries, tries
from backbone.database import Database
from backbone.testing import Broker
from tests.backbone.test_consumer.workers import REFERRAL, SCHEDULING, Workers


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as short as tests want them."""
    for module, name, seconds in (
        (subject, "READ_WAIT", 0.02), (subject, "SHORT_WORK", 0.05),
        (subject, "OBSERVE", 0.05), (subject, "FIRST_DELAY", 0.02),
        (subject, "LAST_DELAY", 0.1), (retries, "PAUSE", 0.02), (tries, "RETRY_DELAYS", (0.02,)),
        (hearing, "ANYWAY_AFTER", 0.05),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def twin() -> Broker:
    made = Broker()
    made.create(REFERRAL, 2)
    made.create(SCHEDULING, 1)
    return made


@pytest.fixture
def workers(db: Database, twin: Broker) -> Workers:
    return Workers(db, twin)
