"""A worker that stood still beyond its session finds that others have gone on, and does no harm."""

from __future__ import annotations

from tests.reliability.faults import hold_a_worker
from tests.reliability.trials import Trial


async def test_a_former_owner_that_wakes_up_does_no_harm(trial: Trial) -> None:
    await trial.run([hold_a_worker])
