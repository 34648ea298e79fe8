"""What the outbox holds can be sent again; who has heard it drops it; what is held no longer is told."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backbone.database import Database
from backbone.reemit import Reemitted, main, reemit
from backbone.relay import Relay
from backbone.rows import new_id
from backbone.testing import Broker, TwinProducer
from tests.support.visiting.world import received, rows, unit

TOPIC = "reliefpath.referral"


@pytest.fixture
def producer() -> TwinProducer:
    """What a relay sends with."""
    broker = Broker()
    broker.create(TOPIC)
    return TwinProducer(broker)


async def say(db: Database, times: int, journey: UUID | None = None) -> None:
    """So many events of one journey, a new one unless it is given."""
    journey = journey or new_id()
    for _ in range(times):
        async with unit(db) as uow:
            uow.say(journey, received())


async def until_sent(producer: TwinProducer, count: int) -> None:
    async with asyncio.timeout(10):
        while len(producer.sent) < count:
            await asyncio.sleep(0.02)


async def test_a_running_relay_sends_everything_again_in_order(
    db: Database, address: str, producer: TwinProducer
) -> None:
    journey = new_id()
    await say(db, 5, journey)
    relaying = asyncio.create_task(Relay(address, producer, "test", 30).run())
    await until_sent(producer, 5)
    async with unit(db) as uow:
        assert await reemit(uow, "the topic is gone") == Reemitted(5, 0)
    await say(db, 1, journey)
    seqs: list[int] = []
    async with asyncio.timeout(10):
        while seqs[-6:] != [1, 2, 3, 4, 5, 6]:  # what it was just about to send may come once more before them
            seqs = [int(dict(message.headers)["ce_seq"]) for message in producer.sent]
            await asyncio.sleep(0.02)
    relaying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await relaying
    assert seqs[:5] == [1, 2, 3, 4, 5]
    assert await rows(db, "SELECT action, reason FROM backbone.audit") == [("re-emit", "the topic is gone")]


async def test_streams_whose_beginning_is_not_held_any_more_are_counted(db: Database) -> None:
    await say(db, 3)
    await say(db, 2)
    await say(db, 1)
    async with unit(db) as uow:
        short = "SELECT stream FROM backbone.streams WHERE seq < 3"
        await uow.session.execute(text(f"DELETE FROM backbone.outbox WHERE seq = 1 AND stream IN ({short})"))
        assert await reemit(uow, "the topic is gone") == Reemitted(4, 2)


async def test_what_came_with_a_dump_from_another_server_is_adopted_and_sent(
    db: Database, address: str, producer: TwinProducer
) -> None:
    await say(db, 3)
    async with unit(db) as uow:  # as such a dump leaves them
        for statement in (
            "ALTER TABLE backbone.outbox DISABLE TRIGGER never_changed",
            "UPDATE backbone.outbox SET xid = '900000000'",
            "ALTER TABLE backbone.outbox ENABLE TRIGGER never_changed",
            "UPDATE backbone.cursors SET seen = '900000001:900000001:'",
        ):
            await uow.session.execute(text(statement))
    async with unit(db) as uow:
        assert await reemit(uow, "restored") == Reemitted(3, 0)
    await say(db, 1)
    relaying = asyncio.create_task(Relay(address, producer, "test", 30).run())
    await until_sent(producer, 4)
    relaying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await relaying
    with pytest.raises(DBAPIError):
        async with unit(db) as uow:
            await uow.session.execute(text("UPDATE backbone.outbox SET seq = 9"))


def test_the_command_tells_what_is_sent_again_and_ends_with_one_when_it_is_not_whole(
    db: Database, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELIEFPATH_DATABASE_REFERRAL", address)
    assert main(["referral", "--reason", "to see"]) == 0
    assert capsys.readouterr().out == "referral: 0 events are sent again\n"


def test_a_reason_is_needed_and_a_database_that_is_away_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELIEFPATH_DATABASE_REFERRAL", "postgresql://somebody:secret@127.0.0.1:1/none")
    with pytest.raises(SystemExit):
        main(["referral", "--reason", "  "])
    assert main(["referral", "--reason", "to see"]) == 2
    told = capsys.readouterr().err
    assert "does not answer" in told
    assert "secret" not in told
