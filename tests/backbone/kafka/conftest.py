"""A Kafka that tells of redistributions at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backbone.kafka.log import CONSUMER_SETTINGS
from tests.backbone.kafka.real import RealKafka


@pytest.fixture
async def world(kafka: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealKafka]:
    monkeypatch.setitem(CONSUMER_SETTINGS, "heartbeat_interval_ms", 100)  # news of a redistribution travels by it
    real = RealKafka(kafka)
    yield real
    await real.close()
