"""PostgreSQL may be killed under load, or cut its connections: what was acknowledged is there."""

from __future__ import annotations

from tests.reliability.faults import cut_connections, kill_postgres, kill_the_postmaster
from tests.reliability.trials import Trial


async def test_a_killed_postgresql_keeps_every_acknowledged_write(trial: Trial) -> None:
    await trial.run(
        [kill_postgres, kill_the_postmaster, kill_the_postmaster, cut_connections, cut_connections, cut_connections]
    )
