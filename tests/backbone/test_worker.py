"""The worker of a service: it tells how it is, ends when it carries nothing, and ends in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from backbone.service import Service
from backbone.settings import Settings
from backbone.topics import main as create_topics
from backbone.worker import Worker
from tests.support.databases import Databases, execute
from tests.support.processes import AT_ONCE, PATIENCE, connections, environment, running

SERVICE: Final = Service("operations", "operations")

Database = Callable[[str], str]


async def test_a_worker_without_a_broker_to_go_to_does_not_start() -> None:
    settings = Settings(database_operations="postgresql://127.0.0.1:1/none", kafka="")
    with pytest.raises(LookupError, match="RELIEFPATH_KAFKA is not set"):
        await Worker(SERVICE, settings).run()


async def test_a_worker_waits_for_no_client_that_does_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(SERVICE, Settings(database_operations="postgresql://127.0.0.1:1/none", kafka=""))
    monkeypatch.setattr(worker._producer, "stop", lambda: asyncio.sleep(60))
    async with asyncio.timeout(5):
        with pytest.raises(LookupError):
            await worker.run()


def test_a_worker_tells_how_it_is_and_ends_in_order(
    database: Database, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    create_topics()
    address = database("operations")
    given = environment(database_operations=address, kafka=kafka, instance="worker-under-test")
    with running("operations.worker", given, tmp_path) as started:
        started.until(lambda answer: answer.json() == {"status": "ready"})
        assert started.get("/livez").status_code == 200
        assert "reliefpath_loop_lag_seconds" in started.get("/metrics").text
        assert started.terminate() < (0, AT_ONCE)
        assert started.group_is_gone
    assert connections(address, "worker-under-test") == 0


def test_without_kafka_a_worker_is_ready_and_says_that_it_is_degraded_and_still_ends_in_order(
    database: Database, tmp_path: Path
) -> None:
    given = environment(database_operations=database("operations"), kafka="127.0.0.1:1", kafka_timeout=1)
    with running("operations.worker", given, tmp_path) as started:
        answer = started.until(lambda answer: answer.status_code == 200).json()
        assert answer["status"] == "ready"
        assert "Kafka does not answer" in answer["degraded"]
        ended, seconds = started.terminate()
        assert (ended, seconds < AT_ONCE) == (0, True)


UNSENDABLE: Final = """
INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)
SELECT 0, gen_random_uuid(), 'reliefpath.referral', gen_random_uuid(), 1, '[]', string_agg(sha256(n::text::bytea), '')
FROM generate_series(1, 50000) n
"""
"""More than Kafka takes, put into the outbox by another hand: no client can ever send it."""


def relaying(address: str, kafka: str) -> dict[str, str]:
    """The environment of a worker that soon misses that anything is sent."""
    return environment(
        profile="development", database_referral=address, kafka=kafka, kafka_timeout=2, watchdog=1, instance="relaying"
    )


def test_a_worker_that_sends_nothing_while_kafka_answers_ends_and_says_why(
    databases: Databases, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    create_topics()
    address = databases.migrated("referral")
    execute(address, UNSENDABLE)
    with running("referral.worker", relaying(address, kafka), tmp_path) as started:
        assert started.ended() not in {0, -signal.SIGKILL}
        told = (tmp_path / "referral.worker.log").read_text()
        assert told.count("the relay stood still and is rebuilt") == 1
        assert "The relay ended, and so does this process." in told
    databases.drop(address)


def test_a_worker_that_sends_nothing_because_kafka_is_away_stays_and_is_degraded(
    databases: Databases, tmp_path: Path
) -> None:
    address = databases.migrated("referral")
    execute(address, UNSENDABLE)
    with running("referral.worker", relaying(address, "127.0.0.1:1"), tmp_path) as started:
        deadline = time.monotonic() + PATIENCE
        while sum("waits for Kafka" in line["event"] for line in started.told) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        answer = started.until(lambda answer: answer.status_code == 200).json()
        assert "Kafka does not answer" in answer["degraded"]
        assert started.terminate()[0] == 0
    databases.drop(address)
