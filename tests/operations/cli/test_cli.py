"""The command against the operations API itself, over HTTP: what one says is what the other understands."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
import uvicorn
from sqlalchemy import text
from typer.testing import CliRunner, Result

from backbone.api import with_edge
from backbone.database import Database
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.settings import Settings
from operations.app import build
from operations.cli import app
from operations.reactions import REACTIONS
from reliefpath.vocabulary import Profile, Role
from stack.keys import Keys
from stack.ports import free_ports
from tests.operations.conftest import Work
from tests.support.operations import NOON, booked, incoming, proposed, requested, said

Run = Callable[..., Result]


@pytest.fixture
def run(store: Database, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`run("counts")`: the command, with the operations API served on this machine; the other services are away."""
    [port] = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    settings = Settings(
        profile=Profile.DEVELOPMENT,
        database_operations=store.address,
        issuer=keys.issuer,
        audience=keys.audience,
        jwks=str(keys.jwks),
        url_operations=address,
    )
    config = uvicorn.Config(with_edge(build(), settings), port=port, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    monkeypatch.setenv("RELIEFPATH_URL_OPERATIONS", address)
    monkeypatch.setenv("RELIEFPATH_TOKEN", keys.token(Role.OPERATIONS, "olga", ["*"]))
    yield lambda *arguments: CliRunner().invoke(app, arguments)
    server.should_exit = True
    thread.join()


async def hear(work: Work, *messages: Incoming) -> None:
    async with work() as uow:
        await Hearer("operations", REACTIONS, tries=1).hear(uow, messages, carefully=True)


@pytest.fixture
async def journey(work: Work) -> UUID:
    """A journey with an event of scheduling that the referral's first led to, heard before it and with a slow clock."""
    journey, events = uuid4(), [requested(), proposed()]
    told = [said(event, journey, seq, minute=seq) for seq, event in enumerate(events, start=1)]
    effect = said(booked(), journey, 1, minute=-9, cause=f"event:{told[0].id}")
    await hear(work, incoming(booked(), effect), *map(incoming, events, told))
    return journey


async def test_journeys_their_events_and_counts_are_understood(run: Run, journey: UUID) -> None:
    listed = await asyncio.to_thread(run, "journeys")
    assert f"{journey}  decision  outpatient" in listed.stdout
    shown = (await asyncio.to_thread(run, "journey", str(journey))).stdout.splitlines()
    assert [line.split()[5 if place else 4] for place, line in enumerate(shown[2:])] == [
        "ReferralRequested",
        "AppointmentBooked",
        "CourseProposed",
    ]
    assert shown[3].endswith("#1 ReferralRequested")
    tree = (await asyncio.to_thread(run, "journey", str(journey), "--tree")).stdout
    assert "│   └── 2 AppointmentBooked" in tree
    counted = await asyncio.to_thread(run, "counts")
    assert "1 journeys, 1 open" in counted.stdout
    assert (listed.exit_code, counted.exit_code) == (0, 0)


async def test_lag_names_the_services_that_are_away(run: Run) -> None:
    told = await asyncio.to_thread(run, "lag")
    assert told.exit_code == 1
    assert "referral has no address: RELIEFPATH_URL_REFERRAL is not set" in told.stdout


async def test_a_dead_letter_is_listed_and_discarded_and_a_held_event_shown(run: Run, work: Work) -> None:
    await hear(work, Incoming("reliefpath.referral", 0, 7, b"key", b"not ours", [], int(NOON.timestamp() * 1000)))
    event = booked()
    await hear(work, incoming(event, said(event, uuid4(), 5)))
    async with work() as uow:
        letter = str((await uow.session.execute(text("SELECT id FROM backbone.dead_letters"))).scalar_one())
        held = str((await uow.session.execute(text("SELECT id FROM backbone.held"))).scalar_one())
    assert letter in (await asyncio.to_thread(run, "dead-letters", "list")).stdout
    listed = (await asyncio.to_thread(run, "parked", "list")).stdout
    assert f"{held}  operations  missing" in listed
    away = await asyncio.to_thread(run, "parked", "show", held)
    assert (away.exit_code, "seq 1 has not been heard" in away.stdout) == (0, True)
    done = await asyncio.to_thread(run, "dead-letters", "discard", letter, "--reason", "a probe of ours", "--yes")
    assert (done.exit_code, done.stdout) == (0, f"{letter} is discarded\n")
    refused = await asyncio.to_thread(run, "parked", "discard", held, "--reason", "not wanted", "--yes")
    assert refused.exit_code == 1
    assert "An earlier event has not been heard" in refused.stderr


async def test_the_clock_of_a_service_that_is_away_is_not_moved(run: Run) -> None:
    told = await asyncio.to_thread(run, "clock", "advance", "1d", "--yes")
    assert told.exit_code == 3
