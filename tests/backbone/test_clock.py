"""The one clock may be moved in a development profile, ahead only, and by operations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx2
import pytest

from reliefpath.vocabulary import Profile, Role
from stack.keys import Keys
from tests.support.visiting.served import Served, serving
from tests.support.visiting.world import rows

PATH = "/development/clock"


@pytest.fixture
async def served(address: str, keys: Keys) -> AsyncIterator[Served]:
    async with serving(address, keys) as made:
        yield made


async def put(served: Served, seconds: object, role: Role = Role.OPERATIONS) -> httpx2.Response:
    return await served.client.put(PATH, json={"shift_seconds": seconds}, headers=served.headers(role))


async def test_it_shows_the_time_and_how_far_it_is_ahead(served: Served) -> None:
    shown = (await served.get(PATH)).json()
    assert shown["shift_seconds"] == 0
    assert abs(datetime.fromisoformat(shown["now"]) - await served.database.now()) < timedelta(seconds=5)


async def test_it_can_be_moved_ahead_and_all_that_asks_sees_it(served: Served) -> None:
    before = await served.database.now()
    answer = await put(served, 86_400)
    assert answer.status_code == 200
    assert datetime.fromisoformat(answer.json()["now"]) - before >= timedelta(days=1)
    assert await served.database.now() - before >= timedelta(days=1)
    (row,) = await rows(served.database, "SELECT action, resource, actor FROM backbone.audit")
    assert (row.action, row.resource) == ("shift", "clock")
    assert row.actor.startswith("operations:")


async def test_it_never_goes_back(served: Served) -> None:
    await put(served, 3600)
    answer = await put(served, 3599)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "clock-goes-back")
    assert (await served.get(PATH)).json()["shift_seconds"] == 3600


async def test_of_two_who_move_it_at_once_neither_sets_the_other_back(served: Served) -> None:
    for turn in range(1, 5):
        far, near = turn * 1000, turn * 1000 - 500
        await asyncio.gather(put(served, far), put(served, near), put(served, far), put(served, near))
        assert (await served.get(PATH)).json()["shift_seconds"] == far


@pytest.mark.parametrize("seconds", [-1, "soon", None, 1e12])
async def test_a_shift_that_cannot_be_meant_is_refused(served: Served, seconds: object) -> None:
    assert (await put(served, seconds)).status_code == 422


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATIONS, Role.SYSTEM, Role.PATIENT}))
async def test_only_operations_moves_it(served: Served, role: Role) -> None:
    assert (await put(served, 60, role)).status_code == 403


async def test_in_production_there_is_no_such_thing(address: str, keys: Keys, tmp_path: object) -> None:
    async with serving(address, keys) as served:
        served.app.state.settings = served.app.state.settings.model_copy(update={"profile": Profile.PRODUCTION})
        assert (await served.get(PATH)).status_code == 404
        assert (await put(served, 60)).status_code == 404
        assert await rows(served.database, "SELECT extract(epoch FROM shift)::int FROM backbone.clock") == [(0,)]
