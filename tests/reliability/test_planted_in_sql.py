"""Bugs planted where PostgreSQL keeps the promise: each scenario holds as the product is, and fails with its bug."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from backbone import actions, carriage, deadlines, hearing, idempotency, inbox, offsets, relay
from backbone.consumer import Consumer
from backbone.database import Database
from backbone.deadlines import DeadlineWatch, set_deadline
from backbone.hearing import Hearer
from backbone.messages import Incoming, Outgoing, Place
from backbone.outbox import bucket_of
from backbone.relay import Relay
from backbone.rows import new_id
from backbone.testing import Broker, TwinLog, TwinProducer
from reliefpath import events
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.visiting import routes
from tests.support.visiting.served import serving
from tests.support.visiting.world import Voice, leave_mark, marks, read, received, rows, unit, value

TOPIC = "reliefpath.referral"


@pytest.fixture
def scene(db: Database, address: str, keys: Keys) -> Scene:
    """What every scenario may use."""
    return Scene(db, address, keys)


class Scene:
    """A database, and a caller's keys."""

    def __init__(self, db: Database, address: str, keys: Keys) -> None:
        self.db, self.address, self.keys = db, address, keys
        self.hearer = Hearer("visiting", {events.ReferralReceived: leave_mark}, tries=3)


# A stale owner


async def a_stale_owner_moves_nothing(scene: Scene) -> None:
    """One owner has gone on; another, that still thinks it is at the beginning, takes its old batch."""
    twin, voice, journey = Broker(), Voice(), new_id()
    twin.create(TOPIC)
    messages = [twin.append(voice.say(received(), journey)) for _ in range(6)]
    place = Place(TOPIC, 0)

    def owner() -> Consumer:
        return Consumer(scene.db, scene.hearer, lambda: TwinLog(twin, [TOPIC], "v"), twin.beginnings, "visiting", 30)

    stale, present = owner(), owner()
    await stale._gained({place})
    await present._gained({place})
    await present._take(place, messages, 0, carefully=False)
    with suppress(Exception):
        await stale._take(place, messages[:3], 0, carefully=False)
    assert await value(scene.db, "SELECT next FROM backbone.offsets") == 6


async def _claims_what_it_thinks(uow: Any, place: Place) -> tuple[int, None]:
    return 0, None


async def _advances_whatever_is_there(uow: Any, place: Place, expected: int, last: Incoming) -> None:
    await uow.session.execute(update(carriage.offsets).values(next=last.offset + 1))


# An offset and its effect


async def a_worker_that_dies_before_its_commit_does_it_again(scene: Scene) -> None:
    """The first worker dies behind the effect of what it read; the next one goes on from where the database says."""
    twin, voice, journey = Broker(), Voice(), new_id()
    twin.create(TOPIC)
    messages = [twin.append(voice.say(received(), journey)) for _ in range(3)]
    place, died = Place(TOPIC, 0), RuntimeError("the process is gone")

    def worker() -> Consumer:
        return Consumer(scene.db, scene.hearer, lambda: TwinLog(twin, [TOPIC], "v"), twin.beginnings, "visiting", 30)

    first, second = worker(), worker()
    await first._gained({place})
    with mock.patch.object(inbox, "note_heard", side_effect=died), suppress(RuntimeError):
        await first._take(place, messages, 0, carefully=False)
    at = (await second._gained({place}))[place]
    if messages[at:]:
        await second._take(place, messages[at:], at, carefully=False)
    assert await marks(scene.db, journey) == [1, 2, 3]


async def _takes_the_offset_first(self: Consumer, place: Place, messages: Any, before: int, carefully: bool) -> None:
    async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
        await uow.session.execute(update(carriage.offsets).values(next=messages[-1].offset + 1))
    async with self._database.unit_of_work(actor=self._actor, cause="consumer") as uow:
        await self._hearer.hear(uow, messages, carefully=carefully)


# A row that commits late


async def a_row_that_commits_late_is_sent(scene: Scene) -> None:
    """A transaction takes its id first and commits last; what was said after it is sent meanwhile."""
    broker = Broker()
    broker.create(TOPIC)
    producer, late = TwinProducer(broker), new_id()
    # In the same bucket, so that one cursor has to keep both apart.
    soon = next(one for one in iter(new_id, None) if bucket_of(one) == bucket_of(late))
    relaying = asyncio.create_task(Relay(scene.address, producer, "relay", 30).run())
    try:
        async with unit(scene.db) as uow:
            uow.say(late, received())
            await uow.finish()
            async with unit(scene.db) as other:
                other.say(soon, received())
            await _sent(producer, soon)
        await _sent(producer, late)
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)


async def _sent(producer: TwinProducer, stream: UUID) -> None:
    for _ in range(150):
        if str(stream).encode() in {one.key for one in producer.sent}:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("an event is never sent")


_AFTER_THE_LAST = """
SELECT c.bucket, pg_current_snapshot()::text AS target, true AS begun,
    o.id, o.topic, o.stream, o.headers, o.data, o.recorded_at
FROM backbone.cursors c LEFT JOIN LATERAL (
    SELECT * FROM backbone.outbox o WHERE o.bucket = c.bucket AND o.id > c.sent ORDER BY o.id LIMIT $2
) o ON true
WHERE c.bucket = ANY ($1::smallint[]) AND ($3::text[] IS NOT NULL) AND ($4::bigint[] IS NOT NULL)
ORDER BY c.bucket, o.id
"""


def _go_on_after_the_last(self: Relay, rows: Any, most: int) -> Any:
    return [
        (row["bucket"], row["target"], row["id"], self._owned[row["bucket"]].fence)
        for row in {row["bucket"]: row for row in rows if row["id"] is not None}.values()
    ]


# A missing event


async def a_gap_waits(scene: Scene) -> None:
    """The second event comes after the third."""
    voice, journey = Voice(), new_id()
    said: list[Outgoing] = [voice.say(received(), journey) for _ in range(3)]
    for number in (0, 2, 1):
        async with unit(scene.db) as uow:
            await scene.hearer.hear(uow, [read(said[number], number)], carefully=True)
    assert await marks(scene.db, journey) == [1, 2, 3]


# A deadline


async def a_deadline_fires_once(scene: Scene) -> None:
    """Four workers on twenty deadlines whose time has come."""
    fired: list[Any] = []

    async def ring(uow: Any, deadline: Any) -> None:
        fired.append(deadline.id)
        await asyncio.sleep(0.01)

    async with unit(scene.db) as uow:
        for _ in range(20):
            await set_deadline(uow, "k", journey=new_id(), subject=new_id(), due_at=uow.now - timedelta(1))
    watches = [DeadlineWatch(scene.db, {"k": ring}, "visiting", 3) for _ in range(4)]

    async def work(watch: DeadlineWatch) -> None:
        while await watch.take_one():
            pass

    async with asyncio.timeout(30):
        await asyncio.gather(*(work(watch) for watch in watches))
    assert len(fired) == len(set(fired)) == 20


_UNLOCKED = text(str(deadlines._TAKE).replace("FOR UPDATE OF s, d SKIP LOCKED", ""))


# An answer


async def an_answered_change_is_there(scene: Scene) -> None:
    """Whoever has an answer finds the change at once, through any other connection."""
    async with serving(scene.address, scene.keys, [routes.router]) as served:
        answer = await served.post("/visits", {"chairs": 2}, role=Role.COORDINATOR)
        there = await value(scene.db, "SELECT count(*) FROM visits")
        await asyncio.gather(*COMMITTING)  # what was planted must not outlive the connections
    assert (answer.status_code, there) == (201, 1)


@asynccontextmanager
async def _commits_later(request: Any, principal: Any) -> AsyncIterator[Any]:
    whole = _unit_of_work(request, principal)
    yield await whole.__aenter__()

    async def commit() -> None:
        await asyncio.sleep(0.3)
        await whole.__aexit__(None, None, None)

    COMMITTING.append(asyncio.create_task(commit()))


COMMITTING: list[asyncio.Task[None]] = []
_unit_of_work = actions.unit_of_work


# A key


async def a_repeated_request_is_done_once_though_the_first_failed(scene: Scene) -> None:
    """The first try dies between its work and its commit; the second comes with the same key."""
    async with serving(scene.address, scene.keys, [routes.router]) as served:
        key = str(new_id())
        with mock.patch("sqlalchemy.ext.asyncio.AsyncSession.commit", side_effect=OSError):
            assert (await served.post("/visits", {}, role=Role.COORDINATOR, key=key)).status_code == 503
        answer = await served.post("/visits", {}, role=Role.COORDINATOR, key=key)
        assert answer.status_code == 201
        assert [str(one) for (one,) in await rows(scene.db, "SELECT id FROM visits")] == [answer.json()["id"]]


async def _kept_beside(uow: Any, key: str, answer: idempotency.Answer) -> None:
    KEPT[key] = answer


async def _recalled_beside(uow: Any, key: str, request: str) -> idempotency.Answer | None:
    await uow.session.execute(select(1))
    return KEPT.get(key)


KEPT: dict[str, idempotency.Answer] = {}

Scenario = Callable[[Scene], Awaitable[None]]
BUGS: dict[str, tuple[Scenario, dict[str, tuple[Any, Any]]]] = {
    "a stale owner that nothing guards against": (
        a_stale_owner_moves_nothing,
        {"claim": (offsets, _claims_what_it_thinks), "advance": (offsets, _advances_whatever_is_there)},
    ),
    "the offset is taken before the effect": (
        a_worker_that_dies_before_its_commit_does_it_again,
        {"_take": (Consumer, _takes_the_offset_first)},
    ),
    "an id greater than the last": (
        a_row_that_commits_late_is_sent,
        {"_NEXT": (relay, _AFTER_THE_LAST), "_moves": (Relay, _go_on_after_the_last)},
    ),
    "no check of the seq before": (a_gap_waits, {"has_gap": (hearing, lambda *_: False)}),
    "a deadline taken without a lock": (a_deadline_fires_once, {"_TAKE": (deadlines, _UNLOCKED)}),
    "a commit after the response": (an_answered_change_is_there, {"unit_of_work": (actions, _commits_later)}),
    "an answer kept outside the transaction": (
        a_repeated_request_is_done_once_though_the_first_failed,
        {"keep": (idempotency, _kept_beside), "recall": (idempotency, _recalled_beside)},
    ),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_the_product_keeps_its_promise(scene: Scene, bug: str) -> None:
    await BUGS[bug][0](scene)


@pytest.mark.parametrize("bug", BUGS)
async def test_a_bug_that_is_planted_breaks_it(scene: Scene, bug: str) -> None:
    scenario, planted = BUGS[bug]
    with ExitStack() as planting:
        for name, (module, wrong) in planted.items():
            planting.enter_context(mock.patch.object(module, name, wrong))
        with pytest.raises(AssertionError):
            await scenario(scene)
    COMMITTING.clear()
