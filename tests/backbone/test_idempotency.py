"""The same request twice, one effect and one answer; nothing is kept of what did not happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import text

from backbone.database import Database
from backbone.idempotency import (
    MOST_KEY_CHARACTERS,
    MOST_WAITING,
    Answer,
    Turns,
    check_key,
    fingerprint,
    forget,
    keep,
    recall,
)
from backbone.problems import KeyMissing, KeyReused, Unavailable
from backbone.rows import new_id
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import SOMEBODY, unit, value

SAME = fingerprint("POST", "/visits", "", None, b"{}")
OTHER = fingerprint("POST", "/visits", "", None, b'{"place": "north"}')


async def request(
    db: Database,
    key: str,
    same: str = SAME,
    *,
    turns: Turns | None = None,
    by: Actor = SOMEBODY,
    fail: bool = False,
    pause: float = 0,
    until: asyncio.Event | None = None,
) -> Answer:
    """A request that leaves a mark; those of one process share its turns."""

    async def attempt() -> Answer:
        async with unit(db, by) as uow:
            answer = await recall(uow, key, same)
            if answer is None:
                uow.session.add(Mark(journey=new_id(), seq=1))
                await asyncio.sleep(pause)
                if until is not None:
                    await until.wait()
                if fail:
                    raise ZeroDivisionError
                answer = Answer(201, {"ETag": '"1"', "Location": f"/visits/{new_id()}"}, b'{"id": "\xc3\xa4"}')
                await keep(uow, key, answer)
            return answer

    return await (turns or Turns()).take(str(by), key, attempt)


async def effects(db: Database) -> int:
    return int(await value(db, "SELECT count(*) FROM marks"))


async def test_a_repeated_request_gets_the_same_answer_and_has_one_effect(db: Database) -> None:
    first = await request(db, "k")
    assert [await request(db, "k") for _ in range(3)] == [first] * 3
    assert await effects(db) == 1


@pytest.mark.parametrize("turns", [Turns(), None], ids=["one process", "many processes"])
async def test_of_many_at_once_one_has_the_effect_and_all_get_its_answer(
    connect: Callable[..., Database], turns: Turns | None
) -> None:
    db = connect(connections=2)
    answers = await asyncio.gather(*(request(db, "k", pause=0.2, turns=turns) for _ in range(10)))
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert await effects(db) == 1


async def test_another_request_with_the_key_is_refused(db: Database) -> None:
    await request(db, "k")
    with pytest.raises(KeyReused) as refused:
        await request(db, "k", OTHER)
    assert (refused.value.status, refused.value.reasons[0].code) == (422, "idempotency-key-reused")
    assert await effects(db) == 1


async def test_two_callers_may_use_the_same_key(db: Database) -> None:
    await request(db, "k")
    await request(db, "k", OTHER, by=Actor(Role.COORDINATOR, "coordinator-2"))
    await request(db, "k", OTHER, by=Actor(Role.CLINICIAN, SOMEBODY.subject))
    assert await effects(db) == 3


async def test_what_failed_is_not_kept_and_may_be_sent_again(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await request(db, "k", fail=True)
    assert await value(db, "SELECT count(*) FROM backbone.idempotency") == 0
    await request(db, "k", OTHER)
    assert await effects(db) == 1


async def test_whoever_waits_for_one_that_fails_goes_ahead(db: Database) -> None:
    async def failing() -> None:
        with suppress(ZeroDivisionError):
            await request(db, "k", fail=True, pause=0.3)

    first = asyncio.create_task(failing())
    await asyncio.sleep(0.1)
    await request(db, "k")
    await first
    assert await effects(db) == 1


async def test_whoever_waits_for_the_first_holds_no_connection(connect: Callable[..., Database]) -> None:
    db, turns, over = connect(connections=2), Turns(), asyncio.Event()
    waiting = [asyncio.create_task(request(db, "k", until=over, turns=turns)) for _ in range(MOST_WAITING)]
    waiting += [asyncio.create_task(request(db, "k", until=over)) for _ in range(3)]  # of other processes
    await asyncio.sleep(0.2)
    async with asyncio.timeout(1):
        for number in range(10):
            await request(db, f"other-{number}", turns=turns)
    over.set()
    assert len({answer.headers["Location"] for answer in await asyncio.gather(*waiting)}) == 1


async def test_no_more_than_a_few_wait_for_the_first_and_the_others_are_told_to_come_again(db: Database) -> None:
    turns, over = Turns(), asyncio.Event()
    waiting = [asyncio.create_task(request(db, "k", until=over, turns=turns)) for _ in range(MOST_WAITING + 1)]
    await asyncio.sleep(0.2)
    with pytest.raises(Unavailable) as refused:
        await request(db, "k", turns=turns)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    over.set()
    first, *others = await asyncio.gather(*waiting)
    assert others == [first] * MOST_WAITING
    assert await request(db, "k", turns=turns) == first
    assert await effects(db) == 1


async def test_whoever_stops_waiting_leaves_its_place(db: Database) -> None:
    turns, over = Turns(), asyncio.Event()
    first = asyncio.create_task(request(db, "k", until=over, turns=turns))
    await asyncio.sleep(0.1)
    for _ in range(2 * MOST_WAITING):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await request(db, "k", turns=turns)
    over.set()
    assert await request(db, "k", turns=turns) == await first
    assert len(turns._turns) == 0, "nothing is kept of keys that nobody works on"


async def test_answers_are_forgotten_after_a_day_and_not_before(db: Database) -> None:
    for key, age in (("old", "25 hours"), ("young", "23 hours")):
        await request(db, key)
        async with unit(db) as uow:
            await uow.session.execute(
                text(f"UPDATE backbone.idempotency SET kept_at = now() - interval '{age}' WHERE key = :k"), {"k": key}
            )
    async with unit(db) as uow:
        await forget(uow)
    assert await value(db, "SELECT string_agg(key, ',') FROM backbone.idempotency") == "young"


@pytest.mark.parametrize("key", [None, "", "x" * (MOST_KEY_CHARACTERS + 1)])
def test_a_request_without_a_proper_key_is_told_what_to_send(key: str | None) -> None:
    with pytest.raises(KeyMissing) as refused:
        check_key(key)
    assert refused.value.status == 400
    assert "UUID" in (refused.value.reasons[0].satisfy or "")


def test_the_longest_key_is_a_key() -> None:
    assert check_key("x" * MOST_KEY_CHARACTERS)


def test_every_part_of_a_request_makes_it_another() -> None:
    parts = [
        ("POST", "/a", "", None, b""), ("PUT", "/a", "", None, b""), ("POST", "/b", "", None, b""),
        ("POST", "/a", "x=1", None, b""), ("POST", "/a", "", '"1"', b""), ("POST", "/a", "", None, b"{}"),
        ("POST", "/ax", "=1", None, b""),
    ]  # fmt: skip
    assert len({fingerprint(*one) for one in parts}) == len(parts)
