"""Bugs planted where PostgreSQL keeps the promise: each scenario holds as the product is, and fails with its bug."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import select, text, update

from backbone import actions, carriage, consumer, deadlines, hearing, idempotency
from backbone.consumer import Consumer
from backbone.database import Database
from backbone.deadlines import DeadlineWatch, set_deadline
from backbone.hearing import Hearer
from backbone.messages import Incoming, Outgoing, Place
from backbone.rows import new_id
from backbone.testing import Broker, TwinLog
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
    await present._take(place, messages, carefully=False)
    with suppress(Exception):
        await stale._take(place, messages[:3], carefully=False)
    assert await value(scene.db, "SELECT next FROM backbone.offsets") == 6


async def _claims_what_it_thinks(uow: Any, place: Place) -> tuple[int, None]:
    return 0, None


async def _advances_whatever_is_there(uow: Any, place: Place, expected: int, last: Incoming) -> None:
    await uow.session.execute(update(carriage.offsets).values(next=last.offset + 1))


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
        {"_claim": (consumer, _claims_what_it_thinks), "_advance": (consumer, _advances_whatever_is_there)},
    ),
    "no check of the seq before": (a_gap_waits, {"_has_gap": (hearing, lambda *_: False)}),
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
