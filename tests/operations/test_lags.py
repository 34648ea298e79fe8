"""Every consumer's lag is shown per service and topic, in seconds and records; a silent service is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from backbone.problems import Unavailable
from backbone.streams.lag import Restarted
from operations import lags
from operations.lags import Consumers
from operations.peers import Answer, Asker, Peers
from operations.schemas import Lags
from operations.streams import Status, Trend
from tests.support.clients import asked_for, described

OLGA = Asker("Bearer olga")


def reported(
    topic: str, partition: int, next: int, end: int, seconds: float = 0.0, *, ago: float = 0
) -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": partition,
        "next": next,
        "end": end,
        "records": end - next,
        "seconds": seconds,
        "observed_at": (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(),
    }


async def gathered(seen: Consumers, **answers: Any) -> Lags:
    """The lags when each service answers what is given for it: a body, or a status of refusal."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        given = answers[request.url.host]
        return httpx2.Response(given, json={}) if isinstance(given, int) else httpx2.Response(200, json=given)

    addresses = {service: f"http://{service}" for service in answers}
    async with Peers(addresses, transport=httpx2.MockTransport(answer)) as peers:
        return await lags.gather(peers, OLGA, seen)


async def test_partitions_of_a_topic_are_added_up_and_the_oldest_message_counts() -> None:
    found = await gathered(
        Consumers(), referral=[reported("a", 1, 4, 10, 7.5), reported("a", 0, 3, 3), reported("b", 0, 1, 1)]
    )
    first, second = found.consumers
    assert (first.service, first.topic, first.records, first.seconds) == ("referral", "a", 6, 7.5)
    assert (first.status, first.trend, first.clears_in) == (Status.BEHIND, Trend.UNKNOWN, None)
    assert [(one.partition, one.records) for one in first.partitions] == [(0, 0), (1, 6)]
    assert (second.topic, second.status) == ("b", Status.CURRENT)


async def test_asked_again_it_says_whether_the_consumer_catches_up_and_when() -> None:
    seen = Consumers()
    await gathered(seen, referral=[reported("a", 0, 0, 100, 9.0, ago=4)])
    [one] = (await gathered(seen, referral=[reported("a", 0, 80, 100, 2.0)])).consumers
    assert one.trend is Trend.SHRINKING
    assert one.clears_in is not None
    assert 0.5 < one.clears_in < 2


async def test_a_worker_that_has_not_looked_for_long_is_not_called_current() -> None:
    [one] = (await gathered(Consumers(), referral=[reported("a", 0, 5, 5, ago=60)])).consumers
    assert one.status is Status.UNOBSERVED


async def test_services_that_are_away_refuse_or_talk_nonsense_are_named_and_the_others_shown() -> None:
    found = await gathered(Consumers(), referral=[reported("a", 0, 5, 5)], scheduling=403, followup=[{"lag": "much"}])
    assert [one.service for one in found.consumers] == ["referral"]
    assert {one.service: one.because for one in found.silent} == {
        "scheduling": "refused to answer (403)",
        "followup": "answered something that cannot be understood",
        "operations": "has no address: RELIEFPATH_URL_OPERATIONS is not set",
    }


async def test_an_offset_that_is_gone_is_worse_than_anything_else() -> None:
    gone = {**reported("a", 1, 9, 5), "begins": 0}
    [one] = (await gathered(Consumers(), referral=[reported("a", 0, 0, 5, 3.0, ago=60), gone])).consumers
    assert one.status is Status.GONE


@pytest.mark.parametrize(("given", "status"), [({"topic": "a", "partition": 1, "next": 0}, None), (409, 409)])
async def test_a_restart_is_done_by_the_service_that_reads(given: Any, status: int | None) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(given, json={}) if isinstance(given, int) else httpx2.Response(200, json=given)

    async with Peers({"referral": "http://referral"}, transport=httpx2.MockTransport(answer)) as peers:
        done = await lags.restart(peers, OLGA, "referral", "a", 1, key="k", body=b"{}")
        with pytest.raises(Unavailable, match="not known"):
            await lags.restart(peers, OLGA, "followup", "a", 1, key="k", body=b"{}")
    assert (asked[0].url.path, asked[0].headers["idempotency-key"]) == ("/streams/lag/a/1/restart", "k")
    assert isinstance(done, Answer) and done.status == status if status else done == Restarted(**given)


async def test_nothing_is_asked_of_a_service_but_what_its_contract_has() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(404, json={})

    async with Peers({"referral": "http://referral"}, transport=httpx2.MockTransport(answer)) as peers:
        await lags.gather(peers, OLGA, Consumers())
        await lags.restart(peers, OLGA, "referral", "a", 1, key="k", body=b"{}")
    contract = described("referral")
    assert [asked_for(contract, request) for request in asked] == ["streams_lag", "streams_lag_restart"]
