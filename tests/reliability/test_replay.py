"""Every topic heard once more from its beginning changes no row."""

from __future__ import annotations

import asyncio

import asyncpg

from stack.ports import SERVICES
from tests.reliability.trials import Trial


async def test_a_full_replay_changes_no_row(trial: Trial) -> None:
    await trial.run([], many=2)
    installation = trial.installation
    before = {service: await installation.rows(service) for service in SERVICES}
    for service in SERVICES:
        installation.hold_back(f"{service}-worker", 2)
        connection = await asyncpg.connect(installation.databases[service])
        replayed = await connection.fetchval("SELECT sum(next) FROM backbone.offsets")
        await connection.execute("UPDATE backbone.offsets SET next = 0, mark = NULL")
        assert replayed > 0
        async with asyncio.timeout(90):
            while await connection.fetchval("SELECT sum(next) FROM backbone.offsets") != replayed:
                await asyncio.sleep(0.2)
        await connection.close()
    assert {service: await installation.rows(service) for service in SERVICES} == before
    await trial.check()
