"""Workers that come and go all the time share the work, lose nothing and repeat nothing."""

from __future__ import annotations

from tests.reliability.faults import churn_workers
from tests.reliability.trials import Trial


async def test_a_storm_of_redistributions_loses_nothing_and_repeats_nothing(trial: Trial) -> None:
    await trial.run([churn_workers])
