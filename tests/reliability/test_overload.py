"""More requests than can be worked on: whoever is too many is asked to come again, before memory grows."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from stack.keys import Keys
from tests.support.callers import Answered, serving

MANY: Final = 2000
AT_ONCE: Final = 200
"""What a process takes on unless it is set otherwise."""


@pytest.mark.parametrize("seconds", [1, 8])
async def test_two_thousand_at_once_on_a_database_that_stands_still_are_answered_or_asked_to_come_again(
    database: Callable[[str], str], keys: Keys, tmp_path: Path, seconds: float
) -> None:
    with serving(database("scheduling"), keys, tmp_path) as served:
        requests = [served.listing(f"many-{seconds}-{number}") for number in range(MANY)]
        await served.has_its_whole_pool()
        before = served.process.most_memory
        async with asyncio.TaskGroup() as tasks, served.standing_still():
            asked = [tasks.create_task(served.ask(request)) for request in requests]
            started = time.monotonic()
            while sum(one.done() for one in asked) < MANY - AT_ONCE:
                await asyncio.sleep(0.05)
                assert time.monotonic() - started < 10, "whoever is too many is told at once"
            told = time.monotonic() - started
            assert (await asyncio.to_thread(served.process.get, "/livez")).status_code == 200
            await asyncio.sleep(max(0, seconds - told))
        grown = served.process.most_memory - before
        answers = [one.result() for one in asked]
        statuses = Counter(one.status for one in answers)
        assert statuses.keys() == {201, 503}
        assert statuses[503] >= MANY - AT_ONCE
        assert all(_asks_to_come_again(one) for one in answers if one.status == 503)
        assert grown < 50, f"{grown:.0f} MB"
        await served.at_rest()
        await served.has_its_whole_pool()
        refused = [request for request, one in zip(requests, answers, strict=True) if one.status == 503]
        again = [await served.ask(request) for request in refused[-AT_ONCE:]]
        assert {one.status for one in again} == {201}, "nothing of what was refused had been done"
        assert [line for line in served.process.told if line["level"] == "error"] == []


def _asks_to_come_again(answer: Answered) -> bool:
    return answer.problem == "unavailable" and int(answer.headers["retry-after"]) > 0
