"""Stillness: what was said and heard, counted at the moment of asking; for operations, in a development profile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from backbone.api import build_api, with_edge
from backbone.database import Database
from backbone.deadlines import DeadlineWatch, set_deadline
from backbone.inbox import Stream, note_heard
from backbone.rows import new_id
from backbone.service import Service
from backbone.settings import Settings
from reliefpath.events import Speaker
from reliefpath.vocabulary import Profile, Role
from stack.keys import Keys
from tests.support.visiting.world import received, unit

SERVICE = Service("referral", "referral", (Speaker.REFERRAL,), (Speaker.SCHEDULING, Speaker.DIRECTORY))
Ask = Callable[..., Awaitable[httpx2.Response]]


@pytest.fixture
async def ask(address: str, keys: Keys) -> AsyncIterator[Ask]:
    """Ask for the stillness of a service in this profile, as somebody of this role."""
    async with AsyncExitStack() as opened:

        async def asked(role: Role = Role.OPERATIONS, profile: Profile = Profile.DEVELOPMENT) -> httpx2.Response:
            settings = Settings(
                profile=Profile.DEVELOPMENT, database_referral=address, issuer=keys.issuer, audience=keys.audience,
                jwks=str(keys.jwks),
            )  # fmt: skip
            app = build_api(SERVICE, [])
            served = with_edge(app, settings)
            await opened.enter_async_context(app.router.lifespan_context(app))
            app.state.settings = settings.model_copy(update={"profile": profile})
            transport = httpx2.ASGITransport(served)
            client = await opened.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://here"))
            bearer = {"Authorization": f"Bearer {keys.token(role, 'olga', ['*'])}"}
            return await client.get("/development/stillness", headers=bearer)

        yield asked


async def seen(ask: Ask) -> Any:
    return (await ask()).json()


async def test_a_service_that_said_and_heard_nothing_is_still(ask: Ask) -> None:
    assert await seen(ask) == {
        "said": {},
        "heard": {"reliefpath.scheduling": 0, "reliefpath.directory": 0},
        "deadlines_due": 0,
        "deadlines_failed": 0,
        "next_deadline": None,
    }


async def test_every_event_that_was_said_counts_whether_it_was_sent_or_not(db: Database, ask: Ask) -> None:
    for journey, times in ((new_id(), 2), (new_id(), 1)):
        for _ in range(times):
            async with unit(db) as uow:
                await uow.lock(journey)
                uow.say(journey, received())
    assert (await seen(ask))["said"] == {"reliefpath.referral": 3}


async def test_what_took_effect_counts_up_to_the_last_of_each_stream(db: Database, ask: Ask) -> None:
    async with unit(db) as uow:
        await note_heard(uow, {Stream("scheduling", new_id()): 4, Stream("scheduling", new_id()): 1})
    assert (await seen(ask))["heard"] == {"reliefpath.scheduling": 5, "reliefpath.directory": 0}


async def test_a_deadline_counts_as_due_once_its_time_has_come(db: Database, ask: Ask) -> None:
    journey = new_id()
    async with unit(db) as uow:
        await uow.lock(journey)
        await set_deadline(uow, "past", journey=journey, subject=new_id(), due_at=uow.now - timedelta(hours=1))
        await set_deadline(uow, "coming", journey=journey, subject=new_id(), due_at=uow.now + timedelta(hours=1))
    found = await seen(ask)
    assert found["deadlines_due"] == 1
    assert found["next_deadline"] is not None


async def test_a_parked_deadline_has_failed_and_is_no_longer_waited_for(db: Database, ask: Ask) -> None:
    journey = new_id()
    async with unit(db) as uow:
        await set_deadline(uow, "past", journey=journey, subject=journey, due_at=uow.now - timedelta(hours=1))
    await DeadlineWatch(db, {}, "referral", 1).take_one()
    found = await seen(ask)
    assert (found["deadlines_failed"], found["deadlines_due"], found["next_deadline"]) == (1, 0, None)


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.QUALITY, Role.INTEGRATION])
async def test_only_operations_may_ask(ask: Ask, role: Role) -> None:
    assert (await ask(role)).status_code == 403


async def test_in_production_there_is_nothing_to_ask(ask: Ask) -> None:
    assert (await ask(profile=Profile.PRODUCTION)).status_code == 404
