"""The consumer: effects, places and the offset are one transaction; nobody waits for the broken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from backbone import consumer as subject
from backbone import hearing, inbox, offsets, retries, tries
from backbone.consumer import Consumer
from backbone.database import Database, UnitOfWork
from backbone.hearing import Hearer
from backbone.kafka.log import CONSUMER_SETTINGS, KafkaLog
from backbone.kafka.producer import Producer
from backbone.kafka.topics import create_topics
from backbone.messages import Incoming, Outgoing, Place
from backbone.offsets import restart
from backbone.relay import Relay
from backbone.retries import HeldRetries
from backbone.rows import new_id
from backbone.settings import Settings
from backbone.telemetry import REGISTRY
from backbone.testing import Broker, TwinLog
from backbone.topics import topics
from backbone.watchdog import StoodStill
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import Speaker, topic_of
from tests.backbone.broker_suite import until
from tests.support.visiting.world import Voice, arrived, leave_mark, marks, received, rows, unit, value

REFERRAL, SCHEDULING = topic_of(Speaker.REFERRAL), topic_of(Speaker.SCHEDULING)


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


class Workers:
    """Consumers of one service over one database and one log."""

    def __init__(self, db: Database, twin: Broker) -> None:
        self.db, self.twin = db, twin
        self.reactions: dict[type[events.Event], Any] = {
            events.ReferralReceived: leave_mark,
            events.PatientArrived: leave_mark,
        }
        self.hearer = Hearer("visiting", self.reactions, tries=3)
        self.voice = Voice()
        self.watchdog = 30.0

    def consumer(self, make_log: Callable[[], TwinLog] | None = None) -> Consumer:
        topics = [REFERRAL, SCHEDULING]
        make = make_log or (lambda: TwinLog(self.twin, topics, "visiting"))
        return Consumer(self.db, self.hearer, make, self.twin.beginnings, "visiting", self.watchdog)

    @asynccontextmanager
    async def running(self, *consumers: Consumer) -> AsyncIterator[Consumer]:
        """A consumer, or several, at work."""
        all_ = consumers or (self.consumer(),)
        tasks = [asyncio.create_task(one.run()) for one in all_]
        tasks.append(asyncio.create_task(HeldRetries(self.db, self.hearer, "visiting").run()))
        try:
            yield all_[0]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def say(self, *journeys: UUID, event: Callable[[], events.Event] = received) -> list[Incoming]:
        return [self.twin.append(self.voice.say(event(), journey)) for journey in journeys]

    async def caught_up(self, patience: float = 20.0) -> None:
        """Wait until everything in the log was read."""
        ends = {
            (place.topic, place.partition): self.twin.partition(place).end
            for place in self.twin.places([REFERRAL, SCHEDULING])
        }
        async with asyncio.timeout(patience):
            while True:
                with suppress(DBAPIError):  # a connection that was cut is found to be so by its next use
                    found = await rows(self.db, "SELECT topic, partition, next FROM backbone.offsets")
                    if {(topic, partition): at for topic, partition, at in found} == ends:
                        return
                await asyncio.sleep(0.02)

    async def effects(self, *journeys: UUID) -> list[list[int]]:
        return [await marks(self.db, journey) for journey in journeys]

    async def until_held(self, journey: UUID, wanted: list[tuple[int, str]]) -> None:
        query = "SELECT seq, status FROM backbone.held WHERE stream = :j AND ended_at IS NULL ORDER BY seq"
        async with asyncio.timeout(15):
            while [tuple(row) for row in await rows(self.db, query, j=journey)] != wanted:
                await asyncio.sleep(0.02)


@pytest.fixture
def workers(db: Database, twin: Broker) -> Workers:
    return Workers(db, twin)


async def test_everything_in_the_log_has_its_effect_once(workers: Workers) -> None:
    journeys = [new_id() for _ in range(10)]
    workers.say(*journeys, *journeys)
    async with workers.running():
        await workers.caught_up()
        workers.say(*journeys)
        await workers.caught_up()
    async with workers.running():
        await asyncio.sleep(0.2)
    assert await workers.effects(*journeys) == [[1, 2, 3]] * 10


BOUNDARIES: dict[str, tuple[Any, str, str]] = {
    "before the offset is looked up": (offsets, "claim", "before"),
    "before anything is heard": (Hearer, "hear", "before"),
    "after the first effect": (Hearer, "_take_effect", "after"),
    "after all effects": (Hearer, "hear", "after"),
    "before places are noted": (inbox, "note_heard", "before"),
    "after places are noted": (inbox, "note_heard", "after"),
    "before the offset is moved": (offsets, "advance", "before"),
    "after the offset is moved": (offsets, "advance", "after"),
    "before what was said is written": (UnitOfWork, "finish", "before"),
    "after what was said is written": (UnitOfWork, "finish", "after"),
    "before the commit": (AsyncSession, "commit", "before"),
    "after the commit": (AsyncSession, "commit", "after"),
}


@pytest.mark.parametrize("boundary", BOUNDARIES)
async def test_a_crash_at_any_step_leaves_all_of_a_batch_or_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    async def mark_and_say(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        uow.say(heard.attributes.stream, arrived())

    workers.reactions[events.ReferralReceived] = mark_and_say
    journeys = [new_id() for _ in range(3)]
    async with workers.running():  # positions are there before the crash
        await workers.caught_up()
    workers.say(*journeys, *journeys)
    owner, name, side = BOUNDARIES[boundary]
    original, reached = getattr(owner, name), asyncio.Event()

    async def fail_here(*given: Any, **named: Any) -> Any:
        working = any(isinstance(one, UnitOfWork) and one.cause == "consumer" for one in given) or owner is AsyncSession
        done = await original(*given, **named) if side == "after" else None
        if working and await _in_a_batch(given):
            reached.set()
            await asyncio.Event().wait()
        return done if side == "after" else await original(*given, **named)

    async def _in_a_batch(given: tuple[Any, ...]) -> bool:
        task = asyncio.current_task()
        assert task is not None
        return getattr(task.get_coro(), "__name__", "") == "_work_through"

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fail_here)
        async with workers.running():
            async with asyncio.timeout(15):
                await reached.wait()
    before = await workers.effects(*journeys)
    assert before in ([[], [], []], [[1, 2], [1, 2], [1, 2]]) or {tuple(one) for one in before} == {(), (1, 2)}
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1, 2]] * 3
    assert await value(workers.db, "SELECT count(*) FROM backbone.outbox") == 6


async def test_a_broken_event_holds_its_journey_while_its_partition_goes_on(workers: Workers) -> None:
    broken, sound = new_id(), [new_id() for _ in range(8)]

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        if heard.attributes.stream == broken and heard.attributes.seq == 2:
            raise ZeroDivisionError
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    async with workers.running():
        for _ in range(4):
            workers.say(broken, *sound)
        await workers.caught_up()
        await workers.until_held(broken, [(2, "parked"), (3, "behind"), (4, "behind")])
        await until(lambda: REGISTRY.get_sample_value("reliefpath_parked_journeys") == 1)
        workers.say(broken, *sound)
        await workers.caught_up()
    assert await workers.effects(*sound) == [[1, 2, 3, 4, 5]] * 8
    assert await workers.effects(broken) == [[1]]
    assert await value(workers.db, "SELECT attempts FROM backbone.held WHERE status = 'parked'") == 3


async def test_a_reaction_that_fails_at_first_has_its_effect_in_the_end(workers: Workers) -> None:
    journey, failures = new_id(), iter([True, True, False])

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        if heard.attributes.seq == 1 and next(failures, False):
            raise ZeroDivisionError

    workers.reactions[events.ReferralReceived] = react
    async with workers.running():
        workers.say(journey, journey)
        async with asyncio.timeout(10):
            while await workers.effects(journey) != [[1, 2]]:
                await asyncio.sleep(0.02)
    assert await value(workers.db, "SELECT count(*) FROM backbone.held WHERE ended_at IS NULL") == 0


async def test_a_reaction_that_waits_goes_on_when_the_awaited_is_heard_on_another_topic(workers: Workers) -> None:
    journey = new_id()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        found = await uow.session.execute(
            text("SELECT count(*) FROM marks WHERE journey = :j AND text LIKE '%PatientArrived%'"), {"j": journey}
        )
        if not found.scalar_one():
            raise hearing.Awaits("scheduling.PatientArrived")
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    async with workers.running():
        workers.say(journey, journey)
        await workers.until_held(journey, [(1, "waiting"), (2, "behind")])
        workers.say(journey, event=arrived)
        await workers.until_held(journey, [])
    assert await value(workers.db, "SELECT count(*) FROM marks") == 3


@pytest.mark.parametrize("fault", ["40P01", "40001", "57P01", "25006"])
async def test_a_fault_of_the_database_is_waited_for_and_parks_nothing(workers: Workers, fault: str) -> None:
    journeys, faults = [new_id() for _ in range(4)], iter([True, True, True, False])

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        await uow.session.flush()
        if next(faults, False):
            await uow.session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{fault}'; END $$"))

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1]] * 4
    assert await value(workers.db, "SELECT count(*) FROM backbone.held") == 0


async def test_when_all_connections_break_nothing_is_lost_or_done_twice(workers: Workers) -> None:
    journeys = [new_id() for _ in range(5)]
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with workers.running():
        for _ in range(4):
            workers.say(*journeys)
            with suppress(Exception):
                await value(workers.db, cut)
            await asyncio.sleep(0.05)
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1, 2, 3, 4]] * 5
    assert await value(workers.db, "SELECT count(*) FROM backbone.held") == 0


async def test_while_kafka_is_away_the_consumer_waits_and_says_so(workers: Workers, twin: Broker) -> None:
    journey = new_id()
    async with workers.running() as consumer:
        await until(lambda: consumer.connected)
        twin.away = True
        await until(lambda: not consumer.connected)
        twin.away = False
        workers.say(journey)
        await workers.caught_up()
        await until(lambda: consumer.connected)
    assert await workers.effects(journey) == [[1]]


async def test_a_former_owner_that_wakes_up_does_nothing(workers: Workers) -> None:
    journey = new_id()
    early = workers.say(journey, journey, journey)
    place = Place(REFERRAL, early[0].partition)
    async with workers.running():
        await workers.caught_up()
    zombie = workers.consumer()
    zombie._next = {place: 0}
    before = await rows(workers.db, "SELECT * FROM backbone.offsets ORDER BY 1, 2")
    await zombie._take(place, early[:2], 0, carefully=False)
    assert await workers.effects(journey) == [[1, 2, 3]]
    assert await rows(workers.db, "SELECT * FROM backbone.offsets ORDER BY 1, 2") == before
    late = workers.say(journey)
    await zombie._take(place, [*early, *late], 0, carefully=False)  # what is new to the database is not stale
    assert await workers.effects(journey) == [[1, 2, 3, 4]]


async def test_what_was_in_work_when_a_partition_went_to_another_is_done_once(workers: Workers) -> None:
    journeys, slow = [new_id() for _ in range(6)], asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        if not slow.is_set():
            slow.set()
            await asyncio.sleep(30)

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    async with workers.running():
        await slow.wait()
        async with workers.running():
            await workers.caught_up()
    assert await workers.effects(*journeys) == [[1]] * 6


async def test_workers_that_come_and_go_lose_nothing_and_do_nothing_twice(workers: Workers) -> None:
    journeys = [new_id() for _ in range(12)]
    async with workers.running():
        for _ in range(4):
            workers.say(*journeys)
            async with workers.running():
                workers.say(*journeys)
                await asyncio.sleep(0.05)
        await workers.caught_up()
    assert await workers.effects(*journeys) == [list(range(1, 9))] * 12


class Restless(TwinLog):
    """A log whose partitions are dealt anew, to the same member, whenever it is only looked at."""

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        if wait == 0:
            self._paused.clear()
        return await super().read(wait, most, only)


async def test_slow_work_keeps_its_place_in_the_group_and_skips_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    journeys = [new_id() for _ in range(4)]

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await asyncio.sleep(0.05)
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    workers.say(*journeys)
    consumer = workers.consumer(lambda: Restless(workers.twin, [REFERRAL, SCHEDULING], "visiting"))
    async with workers.running(consumer):
        for _ in range(4):
            await asyncio.sleep(0.05)
            workers.say(*journeys)
        await workers.caught_up()
    assert await workers.effects(*journeys) == [[1, 2, 3, 4, 5]] * 4


async def test_an_offset_that_is_gone_stops_its_partition_alone_and_says_so(workers: Workers, twin: Broker) -> None:
    here, there = _one_in_each_partition()
    workers.say(here, there, here, there)
    async with workers.running():
        await workers.caught_up()
    workers.say(here, there, here, there)
    cut = Place(REFERRAL, 0 if _partition(here) == 0 else 1)
    twin.trim(cut, 3)
    async with workers.running() as consumer:
        await until(lambda: consumer.offsets_gone == [f"{REFERRAL}/{cut.partition} at 2"])
        for _ in range(3):
            workers.say(there)
        async with asyncio.timeout(10):
            while await workers.effects(there) != [[1, 2, 3, 4, 5, 6, 7]]:
                await asyncio.sleep(0.02)
        assert await workers.effects(here) == [[1, 2]]
        assert consumer.offsets_gone
        shown = "SELECT begins FROM backbone.lags WHERE topic = :t AND partition = :p"
        async with asyncio.timeout(10):
            while await value(workers.db, shown, t=cut.topic, p=cut.partition) != 3:
                await asyncio.sleep(0.02)
        async with unit(workers.db) as uow:  # a person says where to go on
            assert await restart(uow, cut) == 3
        await until(lambda: not consumer.offsets_gone)
        await workers.caught_up()
        await workers.until_held(here, [(4, "missing")])


async def test_where_only_the_message_before_is_gone_it_goes_on(workers: Workers, twin: Broker) -> None:
    here, _ = _one_in_each_partition()
    workers.say(here, here)
    async with workers.running():
        await workers.caught_up()
    workers.say(here)
    twin.trim(Place(REFERRAL, _partition(here)), 2)
    async with workers.running() as consumer:
        await workers.caught_up()
        assert not consumer.offsets_gone
    assert await workers.effects(here) == [[1, 2, 3]]


async def test_a_topic_that_was_recreated_and_has_grown_past_the_offset_is_noticed_and_read_again_from_its_beginning(
    workers: Workers, twin: Broker
) -> None:
    here, _ = _one_in_each_partition()
    place = Place(REFERRAL, _partition(here))
    workers.say(here, here, here)
    async with workers.running():
        await workers.caught_up()
    said = list(twin.partition(place).messages)
    twin.create(REFERRAL, 2)
    workers.say(here, here, here, here)  # the new log's offsets 0 to 3 are seq 4 to 7; the old one's next was 3
    new = twin.partition(place).messages
    for message in [*said, *new[:1]]:  # and the speaker sends again what it said before
        twin.append(Outgoing(message.topic, message.key or b"", message.value or b"", message.headers, message.at))
    async with workers.running() as consumer:
        await until(lambda: consumer.offsets_gone == [f"{REFERRAL}/{place.partition} at 3"])
        assert await workers.effects(here) == [[1, 2, 3]], "nothing of the other log has had an effect"
        shown = "SELECT begins FROM backbone.lags WHERE topic = :t AND partition = :p"
        async with asyncio.timeout(10):
            while await value(workers.db, shown, t=place.topic, p=place.partition) is None:
                await asyncio.sleep(0.02)
        async with unit(workers.db) as uow:
            assert await restart(uow, place) == 0
        await until(lambda: not consumer.offsets_gone)
        await workers.caught_up()
    assert await workers.effects(here) == [[1, 2, 3, 4, 5, 6, 7]]


async def test_a_topic_that_was_recreated_while_the_process_stood_still_is_noticed_and_nothing_of_it_is_skipped(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAUSED", 0.3)
    here, new = _one_in_each_partition()[0], [new_id() for _ in range(40)]
    place = Place(REFERRAL, _partition(here))
    workers.say(here, here, here)
    async with workers.running() as consumer:
        await workers.caught_up()
        twin.create(REFERRAL, 2)
        workers.say(*new)
        time.sleep(0.5)  # noqa: ASYNC251 - standing still is what is tried
        await until(lambda: f"{REFERRAL}/{place.partition} at 3" in consumer.offsets_gone)
    skipped = [one for one in new if _partition(one) == place.partition]
    assert await workers.effects(*skipped) == [[]] * len(skipped), "none before it was said where to go on"


async def test_what_is_handed_out_of_a_partition_in_work_makes_nothing_in_work_lost(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that hands out what it was not asked for, as one did that met a message it could not read."""
    monkeypatch.setattr(hearing, "ANYWAY_AFTER", 30)

    class Overeager(TwinLog):
        async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
            return await super().read(wait, 1)

    here = _one_in_each_partition()[0]
    other = next(one for one in iter(new_id, None) if _partition(one) == _partition(here))
    async with (
        workers.running(workers.consumer(lambda: Overeager(twin, [REFERRAL, SCHEDULING], "visiting"))),
        unit(workers.db) as uow,
    ):
        await uow.lock(here)
        workers.say(here)
        await asyncio.sleep(1.5)
        workers.say(other, other)
        await asyncio.sleep(2.5)
    async with workers.running():
        await workers.caught_up()
        async with asyncio.timeout(20):
            while await workers.effects(here, other) != [[1], [1, 2]]:
                await asyncio.sleep(0.05)


async def test_a_batch_before_which_something_was_not_taken_is_not_taken_either(workers: Workers) -> None:
    journey = new_id()
    said = workers.say(journey, journey, journey)
    place, consumer = Place(REFERRAL, said[0].partition), workers.consumer()
    await consumer._gained({place})
    with pytest.raises(subject.Misplaced):
        await consumer._take(place, said[1:], 1, carefully=False)
    assert await workers.effects(journey) == [[]]


def _partition(journey: UUID) -> int:
    made = Broker()
    made.create(REFERRAL, 2)
    return made.append(Voice().say(received(), journey)).partition


def _one_in_each_partition() -> tuple[UUID, UUID]:
    by_partition: dict[int, UUID] = {}
    while len(by_partition) < 2:
        journey = new_id()
        by_partition[_partition(journey)] = journey
    return by_partition[0], by_partition[1]


async def test_a_database_that_was_set_back_is_caught_up_from_where_it_says(workers: Workers) -> None:
    journey = new_id()
    async with workers.running():
        workers.say(journey, journey, journey)
        await workers.caught_up()
        async with unit(workers.db) as uow:  # as after a restore: effects, places and offset are of yesterday
            await uow.session.execute(text("DELETE FROM marks WHERE seq > 1"))
            await uow.session.execute(text("UPDATE backbone.heard SET seq = 1"))
            await uow.session.execute(text("UPDATE backbone.offsets SET next = least(next, 1), mark = NULL"))
        workers.say(journey)
        await workers.caught_up()
    assert await workers.effects(journey) == [[1, 2, 3, 4]]
    assert await value(workers.db, "SELECT count(*) FROM backbone.held WHERE ended_at IS NULL") == 0


class Deaf(TwinLog):
    """A client that is alive and hands out nothing."""

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        await asyncio.sleep(wait)
        return {}


async def test_a_consumer_that_stands_still_gets_a_new_client(workers: Workers) -> None:
    workers.watchdog = 0.2
    journey = new_id()
    made: list[TwinLog] = []

    def make() -> TwinLog:
        made.append((Deaf if not made else TwinLog)(workers.twin, [REFERRAL, SCHEDULING], "visiting"))
        return made[-1]

    workers.say(journey)
    with capture_logs() as logs:
        async with workers.running(workers.consumer(make)):
            await workers.caught_up()
            await asyncio.sleep(0.4)
    assert len(made) == 2
    assert sum("stood still" in one["event"] for one in logs) == 1
    assert await workers.effects(journey) == [[1]]


async def test_a_consumer_that_stands_still_with_its_new_client_too_ends_its_process(workers: Workers) -> None:
    workers.watchdog = 0.2
    workers.say(new_id())
    made: list[TwinLog] = []

    def make() -> TwinLog:
        made.append(Deaf(workers.twin, [REFERRAL, SCHEDULING], "visiting"))
        return made[-1]

    async with asyncio.timeout(10):
        with pytest.raises(StoodStill):
            await workers.consumer(make).run()
    assert len(made) == 2


async def test_a_consumer_with_nothing_to_read_never_stands_still(workers: Workers) -> None:
    workers.watchdog = 0.5
    async with workers.running():
        workers.say(new_id())
        await workers.caught_up()
        with capture_logs() as logs:
            await asyncio.sleep(1.5)
    assert logs == []


async def test_how_far_behind_it_is_can_be_read_from_the_database(workers: Workers) -> None:
    go_on = asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await go_on.wait()
        await leave_mark(uow, heard)

    (journey, _) = _one_in_each_partition()
    workers.say(journey)
    async with workers.running():
        await workers.caught_up()
    workers.reactions[events.ReferralReceived] = react
    query = 'SELECT next, "end", oldest_at IS NOT NULL FROM backbone.lags WHERE topic = :t AND partition = 0'
    async with workers.running():
        await _until_row(workers, query, (1, 1, False))
        workers.say(journey, journey)
        go_on.set()
        await _until_row(workers, query, (3, 3, False))


async def _until_row(workers: Workers, query: str, wanted: tuple[Any, ...]) -> None:
    async with asyncio.timeout(10):
        while [tuple(row) for row in await rows(workers.db, query, t=REFERRAL)] != [wanted]:
            await asyncio.sleep(0.02)


async def test_a_consumer_that_hears_nothing_of_a_partition_yet_shows_it_as_lag(workers: Workers, twin: Broker) -> None:
    (journey, _) = _one_in_each_partition()
    query = 'SELECT next, "end", oldest_at IS NOT NULL FROM backbone.lags WHERE topic = :t AND partition = 0'

    async def running(make: Callable[[], TwinLog]) -> None:
        async with workers.running(workers.consumer(make)):
            await _until_row(workers, query, (0, 2, True))

    workers.say(journey, journey)
    await running(lambda: Deaf(twin, [REFERRAL, SCHEDULING], "visiting"))


class Truth:
    """How long the oldest unheard event of a topic has waited: by the log and the database, not by the consumer."""

    def __init__(self, workers: Workers, topic: str) -> None:
        self._workers, self._topic = workers, topic

    async def seconds(self) -> float:
        query = "SELECT partition, next FROM backbone.offsets WHERE topic = :t"
        found = await rows(self._workers.db, query, t=self._topic)
        nexts: dict[int, int] = {row.partition: row.next for row in found}
        unheard = [
            message.recorded_at
            for place in self._workers.twin.places([self._topic])
            for message in self._workers.twin.partition(place).messages[nexts.get(place.partition, 0) :]
        ]
        return (datetime.now(UTC) - min(unheard)).total_seconds() if unheard else 0.0

    async def agrees(self) -> None:
        """Wait for the metric to say the same, to a third of a second; and the database for those who look there."""
        stored = "SELECT extract(epoch FROM clock_timestamp() - min(oldest_at)) FROM backbone.lags WHERE topic = :t"
        told: tuple[float | None, float, float] = (None, 0, 0)
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while told[0] is None or max(told) - min(told) > 0.3:
                    await asyncio.sleep(0.02)
                    shown = REGISTRY.get_sample_value("reliefpath_lag_seconds", {"topic": self._topic})
                    kept = float(await value(self._workers.db, stored, t=self._topic) or 0)
                    told = shown, kept, await self.seconds()
        assert told[0] is not None
        assert max(told) - min(told) <= 0.3, told


def _say_at(workers: Workers, journey: UUID, *seconds_ago: float) -> None:
    """Events that were said so long ago, in this order."""
    for ago in seconds_ago:
        said = workers.voice.say(received(), journey)
        workers.twin.append(replace(said, at=int((time.time() - ago) * 1000)))


class Steps:
    """A reaction that takes one event at a time, whenever it is told to."""

    def __init__(self, workers: Workers) -> None:
        self._may = asyncio.Semaphore(0)
        workers.reactions[events.ReferralReceived] = self.react

    async def react(self, uow: UnitOfWork, heard: Heard) -> None:
        await self._may.acquire()
        await leave_mark(uow, heard)

    def go_on(self, steps: int = 1) -> None:
        for _ in range(steps):
            self._may.release()


@pytest.mark.parametrize("batch", [1, 500])
async def test_lag_in_seconds_is_how_long_the_oldest_unheard_event_has_really_waited(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """The consumer is stopped while events are said at known times; then it takes them one by one, and one is late."""
    monkeypatch.setattr(subject, "BATCH", batch)
    one, other = _one_in_each_partition()
    truth, steps = Truth(workers, REFERRAL), Steps(workers)
    async with workers.running():
        await truth.agrees()
    _say_at(workers, one, 90, 60, 30, 7)
    _say_at(workers, other, 80, 10)
    async with workers.running():
        await truth.agrees()
        for heard in range(1, 7):
            steps.go_on()
            await _until_heard(workers, heard if batch == 1 else 0)
            await truth.agrees()
        await workers.caught_up()
        assert await truth.seconds() == 0
        await asyncio.sleep(0.2)
        _say_at(workers, one, 0)
        await asyncio.sleep(0.7)
        await truth.agrees()
        assert await truth.seconds() > 0.7
        steps.go_on()
        await workers.caught_up()
        await truth.agrees()


async def _until_heard(workers: Workers, count: int) -> None:
    """Wait until so many events have had their effect."""
    async with asyncio.timeout(10):
        while await value(workers.db, "SELECT count(*) FROM marks") < count:
            await asyncio.sleep(0.02)


async def test_lag_goes_on_growing_while_kafka_is_away(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 1)
    one, other = _one_in_each_partition()
    truth, steps = Truth(workers, REFERRAL), Steps(workers)
    _say_at(workers, one, 50)
    _say_at(workers, other, 40)
    async with workers.running() as consumer:
        await truth.agrees()
        twin.away = True
        steps.go_on()
        await until(lambda: not consumer.connected)
        await asyncio.sleep(0.6)
        shown = REGISTRY.get_sample_value("reliefpath_lag_seconds", {"topic": REFERRAL})
        assert shown == pytest.approx(await truth.seconds(), abs=0.3)
        twin.away = False
        steps.go_on()
        await workers.caught_up()
        await truth.agrees()


async def test_no_lag_is_shown_of_what_another_reads_now(workers: Workers, twin: Broker) -> None:
    def shown() -> dict[str, float]:
        (family,) = [one for one in REGISTRY.collect() if one.name == "reliefpath_lag_seconds"]
        return {sample.labels["topic"]: sample.value for sample in family.samples}

    steps, (one, _) = Steps(workers), _one_in_each_partition()
    workers.say(one)
    consumer = workers.consumer()
    async with workers.running(consumer):
        await until(lambda: shown().keys() == {REFERRAL, SCHEDULING})
        steps.go_on()
        await workers.caught_up()
        await consumer._lost(set(twin.places([REFERRAL])))
        await until(lambda: shown().keys() == {SCHEDULING})


@pytest.mark.parametrize("batch", [1, 500])
async def test_slow_work_that_goes_on_and_who_waits_for_it_do_not_stand_still(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(subject, "BATCH", batch)
    workers.watchdog = 0.4
    one, other = _one_in_each_partition()
    steps = Steps(workers)
    workers.say(one, other, *[one] * 7)
    with capture_logs() as logs:
        async with workers.running():
            for _ in range(9):
                await asyncio.sleep(0.15)
                steps.go_on()
            await workers.caught_up()
    assert [line for line in logs if line["log_level"] == "error"] == []


async def test_work_that_never_ends_gets_a_new_client_and_then_ends_its_process(workers: Workers) -> None:
    workers.watchdog = 0.2
    steps = Steps(workers)
    journey, _ = _one_in_each_partition()
    workers.say(journey)
    with capture_logs() as logs:
        async with asyncio.timeout(10):
            with pytest.raises(StoodStill, match=REFERRAL):
                await workers.consumer().run()
    assert sum("stood still" in one["event"] for one in logs) == 1
    assert await workers.effects(journey) == [[]]
    steps.go_on(10)
    async with workers.running():
        await workers.caught_up()
    assert await workers.effects(journey) == [[1]]


@pytest.mark.parametrize("state", ["57014", "55P03"])
async def test_a_reaction_that_is_always_too_slow_parks_its_journey_and_nobody_else(
    workers: Workers, state: str
) -> None:
    slow, others = new_id(), [new_id() for _ in range(3)]

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        await leave_mark(uow, heard)
        if heard.attributes.stream == slow:
            await uow.session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

    workers.reactions[events.ReferralReceived] = react
    workers.say(*others, slow, *others)
    async with workers.running():
        await workers.caught_up()
        await workers.until_held(slow, [(1, "parked")])
    assert await workers.effects(slow, *others) == [[], [1, 2], [1, 2], [1, 2]]


async def test_where_an_offset_is_gone_and_its_partition_goes_to_another_meanwhile_nothing_fails(
    workers: Workers, twin: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, place = workers.consumer(), Place(REFERRAL, 0)
    consumer._gone = {place: 7}

    async def positions(*_: Any) -> dict[Place, int]:
        await consumer._lost({place})
        return {place: 9}

    monkeypatch.setattr(offsets, "positions", positions)
    await consumer._look_for_gone(TwinLog(twin, [REFERRAL], "visiting"))
    assert consumer.offsets_gone == []


async def test_what_takes_long_in_one_partition_keeps_no_other_waiting(workers: Workers) -> None:
    slow, other = _one_in_each_partition()
    go_on = asyncio.Event()

    async def react(uow: UnitOfWork, heard: Heard) -> None:
        if heard.attributes.stream == slow:
            await go_on.wait()
        await leave_mark(uow, heard)

    workers.reactions[events.ReferralReceived] = react
    workers.say(slow, other)
    async with workers.running():
        for count in range(2, 6):
            workers.say(slow, other)
            await _until_effects(workers, other, list(range(1, count + 1)))
        assert await workers.effects(slow) == [[]]
        go_on.set()
        await workers.caught_up()
    assert await workers.effects(slow, other) == [[1, 2, 3, 4, 5]] * 2


async def _until_effects(workers: Workers, journey: UUID, wanted: list[int]) -> None:
    async with asyncio.timeout(10):
        while await marks(workers.db, journey) != wanted:
            await asyncio.sleep(0.02)


async def test_a_journey_that_somebody_keeps_locked_waits_alone_and_is_heard_once_it_is_free(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "LOCK_PATIENCE", 0.1)
    here, there = _one_in_each_partition()
    locked = next(one for one in iter(new_id, None) if _partition(one) == _partition(here))
    workers.say(locked, here, there)
    async with workers.running():
        await workers.caught_up()
        async with unit(workers.db) as uow:
            await uow.lock(locked)
            for count in (2, 3):
                workers.say(locked, here, there, locked)
                await _until_effects(workers, here, list(range(1, count + 1)))
                await _until_effects(workers, there, list(range(1, count + 1)))
            await workers.caught_up()
            assert await workers.effects(locked) == [[1]]
        await workers.until_held(locked, [])
    assert await workers.effects(locked, here, there) == [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2, 3]]


async def test_what_comes_again_while_its_journey_is_locked_has_no_effect_a_second_time(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "LOCK_PATIENCE", 0.1)
    locked = new_id()
    first = workers.voice.say(received(), locked)
    workers.twin.append(first)
    async with workers.running():
        await workers.caught_up()
        async with unit(workers.db) as uow:
            await uow.lock(locked)
            workers.twin.append(first)
            workers.say(locked)
            await workers.caught_up()
        await workers.until_held(locked, [])
    assert await workers.effects(locked) == [[1, 2]]
    ended = await rows(workers.db, "SELECT seq, ended_because FROM backbone.held ORDER BY seq")
    assert [tuple(one) for one in ended] == [(1, "it had been heard before"), (2, "it took effect")]


async def test_the_end_of_a_producers_transaction_is_nothing_to_wait_for(workers: Workers, twin: Broker) -> None:
    workers.watchdog = 0.3
    journey = new_id()
    workers.say(journey)
    twin.end_transaction(REFERRAL)
    query = 'SELECT DISTINCT next = "end", oldest_at IS NULL FROM backbone.lags WHERE topic = :t'
    with capture_logs() as logs:
        async with workers.running():
            await workers.caught_up()
            await asyncio.sleep(0.8)
            await _until_row(workers, query, (True, True))
            workers.say(journey)
            twin.end_transaction(REFERRAL)
            twin.end_transaction(REFERRAL)
            await workers.caught_up()
        async with workers.running():
            workers.say(journey)
            await workers.caught_up()
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert await workers.effects(journey) == [[1, 2, 3]]


async def test_work_that_was_given_up_as_its_partition_was_to_go_to_another_is_not_passed(workers: Workers) -> None:
    here, _ = _one_in_each_partition()
    Steps(workers)  # nothing goes on
    place, consumer = Place(REFERRAL, _partition(here)), workers.consumer()
    workers.say(here, here)
    async with workers.running(consumer):
        await until(lambda: place in consumer._working)
        consumer._working.pop(place).cancel()  # as when it is lost, before it is known to whom it goes
        for _ in range(5):
            assert consumer._log is not None
            await consumer._observe(consumer._log, ())
        assert (
            await value(workers.db, "SELECT next FROM backbone.offsets WHERE partition = 0 AND topic = :t", t=REFERRAL)
            == 0
        )


async def test_a_batch_that_fails_beyond_its_reactions_ends_the_process_and_keeps_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(inbox, "note_heard", fail)
    journey = new_id()
    workers.say(journey)
    async with asyncio.timeout(10):
        with pytest.raises(ZeroDivisionError):
            await workers.consumer().run()
    assert await workers.effects(journey) == [[]]


class Network:
    """A speaker's database and relay, and a hearer's workers, over the real Kafka."""

    def __init__(self, kafka: str, speaker: Database, hearer: Database, address: str) -> None:
        self.kafka, self.speaker, self.hearer, self.address = kafka, speaker, hearer, address
        self.group = f"group-{new_id()}"
        self.begin: dict[Place, int] = {}

    async def prepare(self) -> None:
        wanted = topics(Settings(topic_partitions=3))
        await create_topics(self.kafka, wanted, 20)
        log = KafkaLog(self.kafka, [REFERRAL], f"group-{new_id()}", "", 10)

        async def gained(places: set[Place]) -> dict[Place, int]:
            return dict.fromkeys(places, 0)

        async def lost(_: set[Place]) -> None:
            return

        await log.start(gained, lost)
        self.begin = await log.ends()
        await log.stop()

    async def _beginnings(self, places: set[Place]) -> dict[Place, int]:
        return {place: self.begin[place] for place in places}

    def consumer(self) -> Consumer:
        hearer = Hearer("visiting", {events.ReferralReceived: leave_mark}, tries=3)
        return Consumer(
            self.hearer, hearer, lambda: KafkaLog(self.kafka, [REFERRAL], self.group, "", 5), self._beginnings, "v", 30
        )

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        producer = Producer(self.kafka, 5, f"relay-{new_id()}")
        try:
            async with _at_work(Relay(self.address, producer, "relay", 30).run()):
                yield
        finally:
            await producer.stop()


@asynccontextmanager
async def _at_work(*work: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def network(
    kafka: str, db: Database, address: str, databases: Any, template: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Network]:
    monkeypatch.setitem(CONSUMER_SETTINGS, "heartbeat_interval_ms", 100)
    other = databases.copy(template, owner="referral")
    hearer = Database(other)
    made = Network(kafka, db, hearer, address)
    await made.prepare()
    yield made
    await hearer.close()
    databases.drop(other)


async def test_every_event_has_its_effect_once_from_commit_through_kafka_whoever_dies(network: Network) -> None:
    journeys = [new_id() for _ in range(12)]

    async def say() -> None:
        for journey in journeys:
            async with unit(network.speaker) as uow:
                uow.say(journey, received())

    async def heard() -> int:
        return int(await value(network.hearer, "SELECT count(*) FROM marks"))

    async def until_heard(count: int) -> None:
        async with asyncio.timeout(40):
            while await heard() < count:
                await asyncio.sleep(0.05)

    async with network.relaying(), network.relaying():
        async with _at_work(network.consumer().run()):
            await say()
            await until_heard(12)
            async with _at_work(network.consumer().run()):
                await say()
                await say()
            await say()
        async with network.relaying(), _at_work(network.consumer().run(), network.consumer().run()):
            await say()
            await until_heard(60)
            await asyncio.sleep(0.3)
    assert [await marks(network.hearer, journey) for journey in journeys] == [[1, 2, 3, 4, 5]] * 12
    assert await value(network.hearer, "SELECT count(*) FROM backbone.held") == 0


async def test_a_cold_start_after_kafka_went_down_and_came_back_goes_on(network: Network, broker: Any) -> None:
    journey = new_id()

    async def say() -> None:
        async with unit(network.speaker) as uow:
            uow.say(journey, received())

    async with network.relaying(), _at_work(network.consumer().run()):
        await say()
        await _until_marks(network, journey, [1])
        await broker.kill()
        try:
            await say()
            await asyncio.sleep(0.5)
        finally:
            await broker.start()
        await say()
        await _until_marks(network, journey, [1, 2, 3])


async def _until_marks(network: Network, journey: UUID, wanted: list[int]) -> None:
    async with asyncio.timeout(60):
        while await marks(network.hearer, journey) != wanted:
            await asyncio.sleep(0.1)
