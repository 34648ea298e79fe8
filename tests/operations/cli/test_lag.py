"""Lag in seconds and records; the exit code says whether somebody should look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from tests.operations.cli.conftest import Asked, Loopback, lines

Run = Callable[..., Result]


def consumer(status: str = "behind", **more: Any) -> dict[str, Any]:
    return {
        "service": "referral",
        "topic": "reliefpath.scheduling",
        "records": 12,
        "seconds": 94.25,
        "status": status,
        "trend": "shrinking",
        "clears_in": 40.0,
        "partitions": [{"partition": 3, "next": 5, "end": 17, "records": 12, "seconds": 94.25, "status": status}],
        **more,
    }


def test_lag_is_told_in_seconds_and_records_with_trend_and_time_to_clear(run: Run, api: Loopback) -> None:
    api.replies["GET", "/lag"] = {"consumers": [consumer()], "silent": []}
    result = run("lag")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == [
        "referral", "reliefpath.scheduling", "94.2", "12", "behind", "shrinking", "40s",
    ]  # fmt: skip
    assert "3: 5 of 17" in run("lag", "--partitions").stdout
    assert lines(run("lag", "--json")) == [consumer()]


@pytest.mark.parametrize("status", ["stalled", "unobserved", "gone"])
def test_a_consumer_that_stands_still_or_that_nobody_sees_ends_with_one(run: Run, api: Loopback, status: str) -> None:
    api.replies["GET", "/lag"] = {"consumers": [consumer(status)], "silent": []}
    assert run("lag").exit_code == 1


def test_a_silent_service_is_named_and_ends_with_one(run: Run, api: Loopback) -> None:
    silent = {"service": "followup", "because": "did not answer within 3 s"}
    api.replies["GET", "/lag"] = {"consumers": [], "silent": [silent]}
    result = run("lag")
    assert result.exit_code == 1
    assert "followup did not answer within 3 s" in result.stdout
    assert lines(run("lag", "--json")) == [{**silent, "status": "silent"}]


def test_watching_goes_on_until_it_is_interrupted(run: Run, api: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(_: Asked) -> dict[str, Any]:
        return {"consumers": [consumer(records=len(api.asked))], "silent": []}

    async def interrupted(seconds: float) -> None:
        assert seconds == 0.5
        if len(api.asked) == 3:
            raise KeyboardInterrupt

    api.replies["GET", "/lag"] = looks
    monkeypatch.setattr("operations.cli.lag.asyncio.sleep", interrupted)
    result = run("lag", "--watch", "--every", "0.5", "--json")
    assert result.exit_code == 0
    assert [one["records"] for one in lines(result)] == [1, 2, 3]


def test_a_partition_whose_offset_is_gone_is_read_from_its_beginning_for_a_reason(run: Run, api: Loopback) -> None:
    path = "/lag/referral/reliefpath.scheduling/3/restart"
    api.replies["POST", path] = {"topic": "reliefpath.scheduling", "partition": 3, "next": 0}
    assert run("restart", "referral", "reliefpath.scheduling", "3").exit_code == 2
    result = run("restart", "referral", "reliefpath.scheduling", "3", "--reason", "the topic was re-created")
    assert result.exit_code == 0
    assert "referral reads reliefpath.scheduling/3 from 0 on" in result.stdout
