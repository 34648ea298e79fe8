"""How far behind consumers are, and when a partition is read from its beginning."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from backbone.database import Database
from reliefpath.vocabulary import Role
from tests.backbone.streams.ear import BECAUSE
from tests.support.visiting.served import Served
from tests.support.visiting.world import rows, unit


@pytest.mark.parametrize("topic", ["a%00b", "A", "%20", "x" * 101])
async def test_a_topic_that_cannot_be_is_told_so(served: Served, topic: str) -> None:
    answer = await served.post(f"/streams/lag/{topic}/0/restart", BECAUSE)
    assert answer.status_code == 422


async def test_lag_is_records_and_the_age_of_the_oldest_unread(served: Served, db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                'INSERT INTO backbone.lags (topic, partition, next, "end", oldest_at) VALUES'
                " ('b', 0, 4, 9, clock_timestamp() - interval '90 seconds'), ('a', 1, 7, 7, NULL), ('a', 0, 8, 7, NULL)"
            )
        )
    shown = (await served.get("/streams/lag")).json()
    assert [(one["topic"], one["partition"], one["records"]) for one in shown] == [
        ("a", 0, 0),
        ("a", 1, 0),
        ("b", 0, 5),
    ]
    assert [one["seconds"] for one in shown[:2]] == [0, 0]
    assert 90 <= shown[2]["seconds"] < 100


async def test_a_partition_is_restarted_only_when_its_offset_is_gone(served: Served, db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                'INSERT INTO backbone.lags (topic, partition, next, "end", begins)'
                " VALUES ('a', 0, 9, 5, 2), ('a', 1, 9, 9, NULL)"
            )
        )
        at_nine = "SELECT 'a', n, 9, 'm' FROM generate_series(0, 1) n"
        await uow.session.execute(text(f"INSERT INTO backbone.offsets (topic, partition, next, mark) {at_nine}"))
    assert [one["begins"] for one in (await served.get("/streams/lag")).json()] == [2, None]
    assert (await served.post("/streams/lag/a/0/restart", BECAUSE, role=Role.COORDINATOR)).status_code == 403
    assert (await served.post("/streams/lag/a/0/restart", None)).status_code == 422
    for refused in ("a/1", "b/0"):
        answer = await served.post(f"/streams/lag/{refused}/restart", BECAUSE)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "offset-not-gone")
    answer = await served.post("/streams/lag/a/0/restart", BECAUSE)
    assert answer.json() == {"topic": "a", "partition": 0, "next": 2}
    assert await rows(db, "SELECT next, mark FROM backbone.offsets ORDER BY partition") == [(2, None), (9, b"m")]
    assert await rows(db, "SELECT after, reason FROM backbone.audit WHERE action = 'restart'") == [
        ("a/0 at 2", BECAUSE["reason"])
    ]
