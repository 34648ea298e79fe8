"""While Kafka is away people go on working, and afterwards everything said is heard, in order."""

from __future__ import annotations

from tests.reliability.faults import kafka_long_away, kill_kafka
from tests.reliability.trials import Trial


async def test_a_kafka_away_for_half_a_minute_loses_nothing_and_nobody_notices_but_the_lag(trial: Trial) -> None:
    await trial.run([kill_kafka, kafka_long_away])
    assert trial.visitors.slowest < 10, "no request waits for Kafka"
