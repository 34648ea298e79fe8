"""The same key again, while the first try still runs or after its process died: the same answer, and one effect."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from stack.keys import Keys
from tests.support.callers import POOL, Answered, Served, serving

REPEATS: Final = 15

HELD_UP: Final = """
CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold_up AFTER INSERT ON facilities
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_up()
"""
"""Whoever lists a facility waits, within its COMMIT, while somebody holds the advisory lock 42."""

WAITS: Final = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Processes:
    """API processes on one database."""

    def __init__(self, address: str, keys: Keys, folder: Path, stack: ExitStack) -> None:
        self._address, self._keys, self._folder, self._stack = address, keys, folder, stack
        self._number = 0

    def start(self) -> Served:
        """One more."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        return self._stack.enter_context(serving(self._address, self._keys, folder))

    @asynccontextmanager
    async def commits_held_up(self) -> AsyncIterator[None]:
        """As long as this lasts, a facility that is listed waits within its commit."""
        connection = await asyncpg.connect(self._address)
        try:
            await connection.execute(HELD_UP)
            await connection.execute("SELECT pg_advisory_lock(42)")
            yield
        finally:
            await connection.close()


@pytest.fixture
def processes(database: Callable[[str], str], keys: Keys, tmp_path: Path) -> Iterator[Processes]:
    """None at first."""
    with ExitStack() as stack:
        yield Processes(database("scheduling"), keys, tmp_path, stack)


async def listed(served: Served, code: str) -> tuple[int, int]:
    """How often a facility is there, and how often that was said."""
    said = "SELECT count(*) FROM backbone.outbox WHERE convert_from(data, 'UTF8') LIKE $1"
    there = await served.value("SELECT count(*) FROM facilities WHERE code = $1", code)
    return there, await served.value(said, f'%"{code}"%')


def same(answers: list[Answered]) -> bool:
    """Whether they are one answer, given several times."""
    told = {(one.status, one.headers["etag"], one.headers["location"], one.body) for one in answers}
    return len(told) == 1 and answers[0].status == 201


async def test_repeats_wait_as_long_as_the_first_takes_and_leave_the_pool_to_others(processes: Processes) -> None:
    one, other = processes.start(), processes.start()
    async with asyncio.TaskGroup() as tasks, one.standing_still():
        first = tasks.create_task(one.ask(one.listing("long")))
        await one.waiting_for_locks(1)
        repeats = [tasks.create_task(served.ask(served.listing("long"))) for served in (one, other) * REPEATS]
        changed = tasks.create_task(one.ask(one.listing("long", accepting=False)))
        await asyncio.sleep(7)
        others = [tasks.create_task(one.ask(one.listing(f"other-{number}"))) for number in range(POOL - 1)]
        await one.waiting_for_locks(POOL)
        assert not any(task.done() for task in (first, changed, *repeats, *others))
    assert same([first.result(), *(task.result() for task in repeats)])
    assert (changed.result().status, changed.result().problem) == (422, "idempotency-key-reused")
    assert [task.result().status for task in others] == [201] * (POOL - 1)
    assert await listed(one, "long") == (1, 1)


async def test_a_process_killed_between_commit_and_answer_has_left_its_answer(processes: Processes) -> None:
    one = processes.start()
    async with processes.commits_held_up():
        await one.leave_after(one.listing("committing"), at_once=False)
        await one.waiting_for_locks(1)
        one.process.signal(signal.SIGSTOP)  # so that it learns nothing of the commit
    await one.at_rest()
    one.process.kill()
    assert await listed(one, "committing") == (1, 1)
    another = processes.start()
    kept = await another.value("SELECT body FROM backbone.idempotency WHERE key = 'committing'")
    answers = [await another.ask(another.listing("committing")) for _ in range(2)]
    assert same(answers)
    assert answers[0].body == bytes(kept)
    assert await listed(another, "committing") == (1, 1)


async def test_a_process_killed_at_work_leaves_its_key_to_the_next_at_once(processes: Processes) -> None:
    one, another = processes.start(), processes.start()
    async with asyncio.TaskGroup() as tasks, one.standing_still():
        await one.leave_after(one.listing("at-work"), at_once=False)
        await one.waiting_for_locks(1)
        repeat = tasks.create_task(another.ask(another.listing("at-work")))
        dead = await one.value(WAITS)
        one.process.kill()
        async with asyncio.timeout(5):  # less than any statement or lock may take
            while await one.value(WAITS) in (None, dead):
                await asyncio.sleep(0.1)
    assert repeat.result().status == 201
    assert await listed(another, "at-work") == (1, 1)
