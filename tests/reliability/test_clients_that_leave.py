"""A client may go away at any byte: nothing stays open, and what it asked for is done whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from stack.keys import Keys
from tests.support.callers import Served, serving

AT_ONCE: Final = 20
"""Clients that leave at the same time: more than the pool has connections."""


@pytest.fixture(scope="module")
def served(database: Callable[[str], str], keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One process, that all of this is done to."""
    with serving(database("scheduling"), keys, tmp_path_factory.mktemp("logs")) as running:
        yield running


async def test_a_client_that_leaves_after_any_byte_leaves_nothing_open_and_may_come_back(served: Served) -> None:
    length = len(served.listing("cut-0000"))
    turn = asyncio.Semaphore(AT_ONCE)

    async def leave(sent: int) -> None:
        async with turn:
            await served.leave_after(served.listing(f"cut-{sent:04}")[:sent], at_once=sent % 2 == 0)

    async def come_back(sent: int) -> None:
        async with turn:
            answer = await served.ask(served.listing(f"cut-{sent:04}"))
            assert answer.status == 201, "it was neither done whole nor not at all"

    await asyncio.gather(*(leave(sent) for sent in range(1, length + 1)))
    await served.at_rest()
    await served.has_its_whole_pool()
    assert await served.value("SELECT count(*) FROM facilities WHERE code LIKE 'cut-%'") <= 1
    await asyncio.gather(*(come_back(sent) for sent in range(1, length + 1, 5)))
    await come_back(length)
    assert await served.value("SELECT max(count) FROM (SELECT count(*) FROM backbone.outbox GROUP BY stream)") == 1
    assert [line for line in served.process.told if line["level"] in ("error", "critical")] == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_a_client_did_not_stay_for_is_done_once_and_told_when_it_asks_again(
    served: Served, at_once: bool
) -> None:
    code = f"left-{at_once}".lower()
    async with served.standing_still():
        await served.leave_after(served.listing(code), at_once=at_once)
        await served.waiting_for_locks(1)
    await served.at_rest()
    assert await served.value("SELECT count(*) FROM facilities WHERE code = $1", code) == 1
    kept = await served.value("SELECT body FROM backbone.idempotency WHERE key = $1", code)
    answer = await served.ask(served.listing(code))
    assert (answer.status, answer.body) == (201, bytes(kept))
    assert (
        await served.value("SELECT count(*) FROM backbone.outbox WHERE convert_from(data, 'UTF8') LIKE $1", f"%{code}%")
        == 1
    )


async def test_a_client_that_leaves_while_it_waits_for_a_connection_leaves_the_pool_whole(served: Served) -> None:
    async with served.standing_still():
        for number in range(4 * AT_ONCE):
            await served.leave_after(served.listing(f"queue-{number}"), at_once=number % 2 == 0)
        await served.waiting_for_locks(5)
    await served.at_rest()
    await served.has_its_whole_pool()
