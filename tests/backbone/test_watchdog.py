"""The watchdog: what stands still is named, once with hope and then without."""

from __future__ import annotations

import asyncio
import time

import pytest

from backbone.watchdog import Pulse, StoodStill, Watchdog

PATIENCE = 0.05


async def _stand_still() -> None:
    await asyncio.sleep(PATIENCE * 1.2)


@pytest.fixture
def watchdog() -> Watchdog[str]:
    return Watchdog(PATIENCE)


async def test_what_has_stood_still_for_too_long_is_named(watchdog: Watchdog[str]) -> None:
    watchdog.begin(["one", "two", "three"])
    watchdog.check(["one", "two", "three"])
    await _stand_still()
    watchdog.has_moved("two")
    with pytest.raises(StoodStill, match=r"^one, three$") as raised:
        watchdog.check(["three", "two", "one"])
    assert not raised.value.again


async def test_what_has_nothing_to_do_may_stand_still(watchdog: Watchdog[str]) -> None:
    watchdog.begin(["one"])
    await _stand_still()
    watchdog.check([])


async def test_what_rests_has_all_its_time_again_but_a_new_client_has_not_helped_it(watchdog: Watchdog[str]) -> None:
    watchdog.begin(["one"])
    await _stand_still()
    watchdog.rest(["one"])
    watchdog.check(["one"])
    for again in (False, True):
        await _stand_still()
        with pytest.raises(StoodStill) as raised:
            watchdog.check(["one"])
        assert raised.value.again is again
        watchdog.rest(["one"])


async def test_what_is_seen_for_the_first_time_has_all_its_time(watchdog: Watchdog[str]) -> None:
    watchdog.check(["one"])
    await _stand_still()
    with pytest.raises(StoodStill):
        watchdog.check(["one"])


@pytest.mark.parametrize(("moves", "again"), [(False, True), (True, False)])
async def test_the_second_time_is_told_from_the_first_unless_it_moved_in_between(
    watchdog: Watchdog[str], moves: bool, again: bool
) -> None:
    watchdog.begin(["one"])
    await _stand_still()
    with pytest.raises(StoodStill):
        watchdog.check(["one"])
    watchdog.begin(["one"])
    watchdog.check(["one"])  # a new client has all its time
    if moves:
        watchdog.has_moved("one")
    await _stand_still()
    with pytest.raises(StoodStill) as raised:
        watchdog.check(["one"])
    assert raised.value.again is again


async def test_a_pause_of_the_process_is_noticed_once_and_waiting_is_none() -> None:
    pulse = Pulse(0.2)
    pulse.begin()
    await asyncio.sleep(0.5)
    assert not pulse.has_paused()
    time.sleep(0.5)  # noqa: ASYNC251 - standing still is what is tried
    assert pulse.has_paused()
    assert not pulse.has_paused()
    time.sleep(0.5)  # noqa: ASYNC251
    await asyncio.sleep(0.2)
    assert pulse.has_paused(), "also when it beat before it was asked"
    pulse.end()


async def test_what_was_before_a_pulse_begins_is_no_pause() -> None:
    pulse = Pulse(0.2)
    pulse.begin()
    time.sleep(0.5)  # noqa: ASYNC251
    pulse.end()
    pulse.begin()
    assert not pulse.has_paused()
    pulse.end()
