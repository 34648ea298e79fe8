"""The relay: every committed event, in the order of its stream, whatever goes wrong, and no other."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from backbone import relay as subject
from backbone.carriage import BUCKETS
from backbone.database import Database
from backbone.hearing import Hearer
from backbone.messages import Incoming, KafkaAway, Outgoing
from backbone.nudge import Nudge
from backbone.outbox import PLANNING
from backbone.relay import Relay
from backbone.rows import new_id
from backbone.telemetry import OUTBOX_AGE, OUTBOX_DEPTH
from backbone.testing import Broker, TwinProducer
from backbone.watchdog import StoodStill
from reliefpath.envelope import read_attributes
from reliefpath.events import Speaker, topic_of
from tests.backbone.broker_suite import until
from tests.support.plans import rows_read
from tests.support.visiting.world import leave_mark, marks, received, rows, unit, value


@pytest.fixture
def twin() -> Broker:
    made = Broker()
    for speaker in Speaker:
        made.create(topic_of(speaker), 3)
    return made


@pytest.fixture
def producer(twin: Broker) -> TwinProducer:
    return TwinProducer(twin)


@asynccontextmanager
async def running(
    address: str, producer: TwinProducer, name: str = "relay", watchdog: float = 30
) -> AsyncIterator[asyncio.Task[None]]:
    relay = Relay(address, producer, name, watchdog)
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, StoodStill):
            await task


async def say(db: Database, *streams: UUID) -> None:
    async with unit(db) as uow:
        for stream in streams:
            uow.say(stream, received())


def order(sent: Sequence[Incoming]) -> dict[UUID, list[int]]:
    """The places that were sent, by stream, in the order sent."""
    found: defaultdict[UUID, list[int]] = defaultdict(list)
    for message in sent:
        attributes = read_attributes(message.topic, message.key, message.headers)
        found[attributes.stream].append(attributes.seq)
    return dict(found)


def first_of_each(seqs: list[int]) -> list[int]:
    return list(dict.fromkeys(seqs))


async def test_what_is_said_is_sent_as_it_was_said(db: Database, address: str, producer: TwinProducer) -> None:
    journey = new_id()
    await say(db, journey, journey)
    (recorded,) = {row.at for row in await rows(db, "SELECT min(recorded_at) AS at FROM backbone.outbox")}
    async with running(address, producer):
        await until(lambda: len(producer.sent) == 2)
    first = producer.sent[0]
    assert (first.key, first.topic) == (str(journey).encode(), topic_of(Speaker.REFERRAL))
    assert abs(first.at - recorded.timestamp() * 1000) < 2
    assert order(producer.sent) == {journey: [1, 2]}


async def test_nothing_is_sent_twice_and_nothing_that_was_rolled_back(
    db: Database, address: str, producer: TwinProducer
) -> None:
    async def fail(journey: UUID) -> None:
        async with unit(db) as uow:
            uow.say(journey, received())
            await uow.finish()
            raise ZeroDivisionError

    journeys = [new_id() for _ in range(20)]
    async with running(address, producer):
        for journey in journeys:
            with pytest.raises(ZeroDivisionError):
                await fail(journey)
            await say(db, journey)
        await until(lambda: len(producer.sent) >= 20)
        await asyncio.sleep(0.3)
    assert order(producer.sent) == {journey: [1] for journey in journeys}


async def test_many_writers_open_transactions_and_rollbacks_lose_nothing_and_change_no_order(
    connect: Callable[..., Database], address: str, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 writers over 30 streams, one to three at once; transaction ids taken early; two writers open for long."""
    monkeypatch.setattr(subject, "BATCH", 48)  # a few per bucket, so that snapshots are sent in pieces
    db, chance = connect(connections=30), random.Random(11)
    streams = [new_id() for _ in range(30)]
    wanted: defaultdict[UUID, int] = defaultdict(int)

    async def write(pause: float, turns: int) -> None:
        for _ in range(turns):
            mine = sorted(chance.sample(streams, chance.randint(1, 3)))
            back = chance.random() < 0.15
            with suppress(ZeroDivisionError):
                async with unit(db) as uow:
                    await uow.session.execute(text("SELECT pg_current_xact_id()"))
                    await asyncio.sleep(chance.random() * pause)
                    await uow.lock(*mine)
                    for stream in mine:
                        for _ in range(chance.randint(1, 3)):
                            uow.say(stream, received())
                    await uow.finish()
                    await asyncio.sleep(chance.random() * pause)
                    if back:
                        raise ZeroDivisionError
                for said in uow.said:
                    wanted[said.stream] += 1

    async with running(address, producer, "one"), running(address, producer, "two"):
        await asyncio.gather(*(write(0.01, 10) for _ in range(22)), *(write(1.5, 1) for _ in range(2)))
        await until(lambda: len(producer.sent) >= sum(wanted.values()))
        await asyncio.sleep(0.2)
    sent = order(producer.sent)
    assert {stream: list(range(1, count + 1)) for stream, count in wanted.items()} == {
        stream: first_of_each(seqs) for stream, seqs in sent.items()
    }


async def test_an_open_transaction_delays_only_what_is_its_own(
    db: Database, address: str, producer: TwinProducer
) -> None:
    slow, others = new_id(), [new_id() for _ in range(30)]
    async with running(address, producer):
        async with unit(db) as uow:
            uow.say(slow, received())
            await uow.finish()
            for journey in others:
                await say(db, journey)
            await until(lambda: len(producer.sent) == 30)
            assert slow not in order(producer.sent)
        await until(lambda: len(producer.sent) == 31)
    assert order(producer.sent)[slow] == [1]


async def test_a_backlog_longer_than_a_batch_is_sent_in_order_while_more_is_said(
    db: Database, address: str, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 32)
    journey = new_id()
    await say(db, *[journey] * 100)
    async with running(address, producer):
        for _ in range(10):
            await say(db, journey)
        await until(lambda: len(producer.sent) == 110)
    assert order(producer.sent) == {journey: list(range(1, 111))}


@pytest.mark.parametrize("lose_after", [0, 7, 20])
async def test_a_send_that_fails_is_sent_again_and_hearers_drop_what_they_have(
    db: Database, connect: Callable[..., Database], address: str, producer: TwinProducer, lose_after: int
) -> None:
    journeys = [new_id() for _ in range(10)]
    await say(db, *journeys, *journeys)
    producer.lose_after = lose_after
    async with running(address, producer):
        await until(lambda: len(producer.sent) == 20 + lose_after)
    hearer = Hearer("visiting", {type(received()): leave_mark}, tries=3)
    async with unit(db) as uow:
        outcomes = await hearer.hear(uow, producer.sent, carefully=False)
    assert (outcomes["effect"], outcomes["duplicate"]) == (20, lose_after)
    assert [await marks(db, journey) for journey in journeys] == [[1, 2]] * 10


async def test_what_was_read_ahead_is_read_again_after_a_send_that_failed(
    db: Database, address: str, twin: Broker, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every send of a long backlog fails once, after a part of it, while the next is read already."""

    class Failing(TwinProducer):
        calls = 0

        async def send(self, messages: Sequence[Outgoing]) -> None:
            self.calls += 1
            self.lose_after = len(messages) // 2 if self.calls % 2 else None
            await asyncio.sleep(0.01)  # time to read ahead
            await super().send(messages)

    monkeypatch.setattr(subject, "BATCH", 64)
    monkeypatch.setattr(subject, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(subject, "LAST_DELAY", 0.001)
    failing, streams = Failing(twin), [new_id() for _ in range(5)]
    for _ in range(3):
        await say(db, *streams * 10)
    async with running(address, failing):
        await until(lambda: len({(one.key, seq_of(one)) for one in failing.sent}) == 150)
    assert {stream: first_of_each(seqs) for stream, seqs in order(failing.sent).items()} == {
        stream: list(range(1, 31)) for stream in streams
    }
    assert len(failing.sent) > 150


def seq_of(message: Incoming) -> int:
    return read_attributes(message.topic, message.key, message.headers).seq


async def test_while_kafka_is_away_events_wait_and_then_all_are_sent(
    db: Database, address: str, twin: Broker, producer: TwinProducer
) -> None:
    twin.away = True
    journey = new_id()
    async with running(address, producer):
        for _ in range(5):
            await say(db, journey)
        await asyncio.sleep(0.3)
        assert producer.sent == []
        twin.away = False
        await until(lambda: len(producer.sent) == 5)
    assert order(producer.sent) == {journey: [1, 2, 3, 4, 5]}


async def test_after_an_outage_is_over_the_next_one_starts_with_a_short_pause_again(
    db: Database, address: str, twin: Broker, producer: TwinProducer
) -> None:
    with capture_logs() as logs:
        async with running(address, producer):
            for outage in range(2):
                twin.away = True
                await say(db, new_id())
                await until(lambda n=outage: sum(one["seconds"] == 0.1 for one in logs) > n)  # type: ignore[misc]  # bound now
                await until(lambda n=outage: len(logs) > 2 * n + 1)  # type: ignore[misc]  # bound now
                twin.away = False
                await until(lambda n=outage: len(producer.sent) == n + 1)  # type: ignore[misc]  # bound now


async def owned(db: Database) -> list[int]:
    """Buckets that somebody owns, with how many each relay has."""
    query = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid < :buckets AND granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY pid ORDER BY 1"
    )
    return [count for (count,) in await rows(db, query, buckets=BUCKETS)]


async def test_replicas_share_the_buckets_and_each_is_owned_once(
    db: Database, address: str, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "REBALANCE", 0.1)
    async with running(address, producer, "one"):
        await _until_owned(db, [16])
        async with running(address, producer, "two"):
            await _until_owned(db, [8, 8])
            async with running(address, producer, "three"):
                await _until_owned(db, [4, 6, 6])
        await _until_owned(db, [16])


async def _until_owned(db: Database, shares: list[int]) -> None:
    async with asyncio.timeout(10):
        while await owned(db) != shares:
            await asyncio.sleep(0.05)


async def test_when_a_replica_ends_the_others_go_on_where_it_was(
    db: Database, address: str, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "REBALANCE", 0.1)
    journeys = [new_id() for _ in range(40)]
    async with running(address, producer, "one"):
        async with running(address, producer, "two"):
            await _until_owned(db, [8, 8])
            await say(db, *journeys)
        await say(db, *journeys)
        await until(lambda: len(producer.sent) >= 80)
    assert {
        first_of_each_ for seqs in order(producer.sent).values() if (first_of_each_ := tuple(first_of_each(seqs)))
    } == {(1, 2)}


class Stalled(TwinProducer):
    """A producer that stands still in the middle of a call, like a process that is not given the processor."""

    def __init__(self, twin: Broker) -> None:
        super().__init__(twin)
        self.stands, self.goes_on = asyncio.Event(), asyncio.Event()

    async def send(self, messages: Sequence[Outgoing]) -> None:
        if messages:
            self.stands.set()
            await self.goes_on.wait()
        await super().send(messages)


async def test_a_replica_that_comes_back_from_the_dead_says_only_what_was_heard_before(
    db: Database, address: str, twin: Broker, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "REBALANCE", 0.1)
    zombie, journey = Stalled(twin), new_id()
    async with running(address, zombie, "zombie"):
        await _until_owned(db, [16])
        await say(db, journey, journey)
        await zombie.stands.wait()
        await value(
            db, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'zombie-relay'"
        )
        async with running(address, producer, "heir"):
            await say(db, journey)
            await until(lambda: len(producer.sent) == 3)
            zombie.goes_on.set()
            await until(lambda: len(zombie.sent) >= 2)
            await say(db, journey)
            await until(lambda: max(order([*producer.sent, *zombie.sent])[journey]) == 4)
    everything = [one for place in twin.places([topic_of(Speaker.REFERRAL)]) for one in twin.partition(place).messages]
    assert order(everything)[journey] == [1, 2, 3, 1, 2, 4]
    hearer = Hearer("visiting", {type(received()): leave_mark}, tries=3)
    async with unit(db) as uow:
        await hearer.hear(uow, everything, carefully=False)
    assert await marks(db, journey) == [1, 2, 3, 4]


async def test_a_replica_whose_bucket_was_fenced_moves_no_cursor(db: Database, address: str, twin: Broker) -> None:
    stalled, journey = Stalled(twin), new_id()
    async with running(address, stalled):
        await _until_owned(db, [16])
        await say(db, journey)
        await stalled.stands.wait()
        async with unit(db) as uow:
            await uow.session.execute(text("UPDATE backbone.cursors SET fence = fence + 1"))
        before = await rows(db, "SELECT bucket, seen::text, target::text, sent FROM backbone.cursors ORDER BY 1")
        with capture_logs() as logs:
            stalled.goes_on.set()
            await until(lambda: any(one.get("reason") == "LostBucket" for one in logs))
        assert before == await rows(
            db, "SELECT bucket, seen::text, target::text, sent FROM backbone.cursors ORDER BY 1"
        )
        await until(lambda: order(stalled.sent)[journey] == [1, 1])


async def test_a_relay_outlives_the_end_of_its_connection(db: Database, address: str, producer: TwinProducer) -> None:
    async with running(address, producer, "one"):
        await _until_owned(db, [16])
        await value(
            db, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'one-relay'"
        )
        await say(db, new_id())
        await until(lambda: len(producer.sent) == 1)


async def test_a_commit_wakes_the_relay_at_once(
    db: Database, address: str, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "POLL", 300)
    nudge = Nudge(address)
    db.after_commit.append(nudge)
    nudging = asyncio.create_task(nudge.run())
    async with running(address, producer):
        await _until_owned(db, [16])
        await asyncio.sleep(0.2)
        for number in range(3):
            await say(db, new_id())
            await until(lambda n=number: len(producer.sent) == n + 1)  # type: ignore[misc]  # bound now
    nudging.cancel()
    with suppress(asyncio.CancelledError):
        await nudging


async def test_a_lost_wake_up_costs_a_short_poll_and_nothing_else(
    db: Database, address: str, producer: TwinProducer
) -> None:
    async with running(address, producer):
        await _until_owned(db, [16])
        await say(db, new_id())
        await until(lambda: len(producer.sent) == 1)


async def test_what_waits_and_since_when_is_measured(
    db: Database, address: str, twin: Broker, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "REBALANCE", 0.1)
    await say(db, *(new_id() for _ in range(5)))
    twin.away = True
    async with running(address, producer):
        await until(lambda: OUTBOX_DEPTH._value.get() == 5 and OUTBOX_AGE._value.get() > 0)
        twin.away = False
        await until(lambda: OUTBOX_DEPTH._value.get() == 0 and OUTBOX_AGE._value.get() == 0)


class Refused(TwinProducer):
    """A client whose every message is refused by a Kafka that answers, until so many clients were let go of."""

    def __init__(self, twin: Broker, clients: float) -> None:
        super().__init__(twin)
        self.clients = clients

    async def send(self, messages: Sequence[Outgoing]) -> None:
        if messages and self.clients > 0:
            raise KafkaAway("send: refused")
        await super().send(messages)

    async def stop(self) -> None:
        self.clients -= 1


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and pauses that are short beside a watchdog of 0.3 s."""
    monkeypatch.setattr(subject, "REBALANCE", 0.02)
    monkeypatch.setattr(subject, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(subject, "LAST_DELAY", 0.02)


@pytest.mark.usefixtures("hasty")
async def test_a_relay_that_sends_nothing_while_rows_wait_gets_new_clients(
    db: Database, address: str, twin: Broker
) -> None:
    refused = Refused(twin, clients=1)
    await say(db, new_id())
    with capture_logs() as logs:
        async with running(address, refused, watchdog=0.3):
            await until(lambda: len(refused.sent) == 1)
            await asyncio.sleep(0.5)
    assert sum("stood still" in one["event"] for one in logs) == 1
    assert refused.clients == 0


@pytest.mark.usefixtures("hasty")
async def test_a_relay_that_sends_nothing_with_new_clients_either_ends_its_process(
    db: Database, address: str, twin: Broker
) -> None:
    refused = Refused(twin, clients=9)
    await say(db, new_id())
    async with asyncio.timeout(10), running(address, refused, watchdog=0.3) as relaying:
        with pytest.raises(StoodStill, match="outbox"):
            await relaying
    assert refused.clients == 8


@pytest.mark.usefixtures("hasty")
async def test_a_relay_that_does_not_see_what_waits_ends_its_process(
    db: Database, address: str, producer: TwinProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blind(*_: object) -> bool:
        return False

    monkeypatch.setattr(Relay, "_relay_once", blind)
    await say(db, new_id())
    async with asyncio.timeout(10), running(address, producer, watchdog=0.3) as relaying:
        with pytest.raises(StoodStill):
            await relaying


@pytest.mark.usefixtures("hasty")
async def test_a_kafka_that_is_away_ends_no_relay_however_long_it_takes(
    db: Database, address: str, twin: Broker, producer: TwinProducer
) -> None:
    await say(db, new_id())
    twin.away = True
    with capture_logs() as logs:
        async with running(address, producer, watchdog=0.1) as relaying:
            await until(lambda: sum("waits for Kafka" in one["event"] for one in logs) >= 4)
            assert not relaying.done()
            twin.away = False
            await until(lambda: len(producer.sent) == 1)
            await asyncio.sleep(0.3)
            assert not relaying.done()
    assert not any("stood still" in one["event"] for one in logs)


class Slow(TwinProducer):
    """A client that takes its time for each of its calls."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        if messages:
            await asyncio.sleep(0.1)
        await super().send(messages)


@pytest.mark.usefixtures("hasty")
async def test_a_relay_that_is_slow_with_a_long_backlog_or_has_nothing_to_send_stands_not_still(
    db: Database, address: str, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 4)
    slow, streams = Slow(twin), [new_id() for _ in range(6)]
    await say(db, *streams * 8)
    with capture_logs() as logs:
        async with running(address, slow, watchdog=0.4):
            await until(lambda: len(slow.sent) == 48)
            await asyncio.sleep(0.6)
            await say(db, new_id())
            await until(lambda: len(slow.sent) == 49)
    assert logs == []


@pytest.mark.usefixtures("hasty")
async def test_a_relay_does_not_answer_for_what_waits_in_the_buckets_of_another(
    db: Database, address: str, twin: Broker, producer: TwinProducer
) -> None:
    stalled, streams = Stalled(twin), [new_id() for _ in range(40)]
    async with running(address, stalled, "other"), running(address, producer, "one", watchdog=0.3) as relaying:
        await _until_owned(db, [8, 8])
        await say(db, *streams)
        await asyncio.sleep(1)
        assert not relaying.done()
        assert 0 < len(producer.sent) < 40
        stalled.goes_on.set()


class Waiting(TwinProducer):
    """A client that takes longer than the server waits for a silent relay."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        if messages:
            await asyncio.sleep(1.5)
        await super().send(messages)


async def test_a_relay_that_waits_for_kafka_keeps_its_buckets(
    db: Database, address: str, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "IDLE_LIMIT", "500ms")
    monkeypatch.setattr(subject, "SIGN_OF_LIFE", 0.1)
    producer, journey = Waiting(twin), new_id()
    await say(db, journey)
    with capture_logs() as logs:
        async with running(address, producer):
            await until(lambda: order(producer.sent) == {journey: [1]})
            await say(db, journey)
            await until(lambda: order(producer.sent) == {journey: [1, 2]})
    assert logs == []


def test_of_many_backlogs_each_gets_its_turn_and_so_do_those_that_have_none(producer: TwinProducer) -> None:
    for count in range(1, BUCKETS):
        relay = Relay("", producer, "relay", 30)
        relay._owned = {number: subject.Bucket(number, 1) for number in range(BUCKETS)}
        relay._behind = set(range(count))
        turns = [tuple(one for one, _, _ in relay._wanted([])) for _ in range(subject.OTHERS_EVERY * (count + 1))]
        assert set(turns) == {(number,) for number in range(count)} | {tuple(range(count, BUCKETS))}, count


async def test_a_backlog_is_not_sorted_for_every_read_nor_counted_without_end(db: Database, address: str) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
                " SELECT 3, uuidv7(), 'reliefpath.referral', uuidv7(), 1, '{}', '' FROM generate_series(1, 30000)"
            )
        )
    (target,) = (await rows(db, "SELECT pg_current_snapshot()::text"))[0]
    (first,) = (await rows(db, "SELECT min(id) FROM backbone.outbox"))[0]
    connection = await asyncpg.connect(address, server_settings=PLANNING)
    try:
        await connection.execute("ANALYZE backbone.outbox")
        waiting = await connection.fetch(subject._WAITING)
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {subject._NEXT}", [3], subject.BATCH, [target], [first + 15_000]
        )
    finally:
        await connection.close()
    assert {one["bucket"]: one["depth"] for one in waiting}[3] == subject.MOST_COUNTED
    assert max(rows_read(json.loads(plan)[0]["Plan"])) <= subject.BATCH


@pytest.mark.parametrize("transactions", [1, 40])
async def test_what_was_sent_is_not_looked_at_again(db: Database, address: str, transactions: int) -> None:
    for _ in range(transactions):
        async with unit(db) as uow:
            await uow.session.execute(
                text(
                    "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
                    " SELECT n % 16, uuidv7(), 'reliefpath.referral', uuidv7(), 1, '{}', ''"
                    " FROM generate_series(1, :rows) AS n"
                ),
                {"rows": 40_000 // transactions},
            )
    connection = await asyncpg.connect(address, server_settings=PLANNING)
    try:
        await connection.execute("ANALYZE backbone.outbox")
        await connection.execute("UPDATE backbone.cursors SET seen = pg_current_snapshot()")
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {subject._NEXT}", list(range(16)), 100, [None] * 16, [None] * 16
        )
    finally:
        await connection.close()
    assert max(rows_read(json.loads(plan)[0]["Plan"])) <= 50


async def test_a_relay_over_an_outbox_of_another_server_ends_and_says_the_way_back(
    db: Database, address: str, producer: TwinProducer
) -> None:
    async with unit(db) as uow:
        await uow.session.execute(text("UPDATE backbone.cursors SET seen = '900000000:900000000:' WHERE bucket = 3"))
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match=r"python -m backbone\.reemit"):
            await Relay(address, producer, "relay", 30).run()
