"""Whichever process is killed, at whatever moment: nothing acknowledged is lost, and nothing happens twice."""

from __future__ import annotations

from tests.reliability.faults import kill_a_process
from tests.reliability.trials import Trial


async def test_apis_and_workers_killed_at_random_moments_lose_nothing_and_repeat_nothing(trial: Trial) -> None:
    await trial.run([kill_a_process] * 8)
