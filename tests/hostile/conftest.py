"""What the hostile tests share: every API in this process, over databases in which much has happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from backbone.api import with_edge
from backbone.database import Database
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.service import SERVICES, card_of
from backbone.settings import Settings
from contracts.cards import api
from contracts.examples import stories
from reliefpath.envelope import Actor, Attributes, encode_data, encode_headers
from reliefpath.events import CATALOGUE, FacilityListed, topic_of
from reliefpath.vocabulary import FacilityKind, Profile, Role, facility_id
from stack.keys import Keys
from stack.ports import free_ports
from tests.contracts.player import playing
from tests.hostile.asking import served
from tests.support.databases import Databases
from tests.support.servers import finish


@pytest.fixture(scope="package")
def filled(databases: Databases, keys: Keys) -> Iterator[dict[str, str]]:
    """A database per service in which much has happened, much is open, and something could not be heard."""
    made = {service: finish(_told(service, databases, keys)) for service in SERVICES}
    yield made
    for address in made.values():
        databases.drop(address)


async def _told(service: str, databases: Databases, keys: Keys) -> str:
    """A database in which the longest story that can be told was broken off."""
    its_own = [story for (of, _), story in stories().items() if of == service and not story.on]
    told = [story for story in its_own if not story.tells_of_all]
    for story in sorted(told, key=lambda one: -len(one.steps)):
        address = databases.migrated(service)
        begun = story.model_copy(update={"steps": story.steps[: len(story.steps) * 2 // 3]})
        async with playing(service, address, keys) as player:
            try:
                await player.play(begun)
            except AssertionError:
                databases.drop(address)  # its own test says why
                continue
        await _hear_of_facilities(service, address)
        await _mishear(service, address)
        return address
    if told:
        raise RuntimeError(f"no story of {service} can be told: see tests/contracts/test_examples.py")
    return databases.migrated(service)


async def _hear_of_facilities(service: str, address: str) -> None:
    """Let a service know the facilities between which the stories refer."""
    now, messages = datetime.now(UTC), []
    for code in ("oncology-north", "pain-centre", "pain-clinic"):
        event = FacilityListed(facility=facility_id(code), code=code, kind=FacilityKind.HOSPITAL)
        said = Attributes(
            uuid4(), event.type, event.speaker, event.facility, 1, now, "request:0", Actor(Role.OPERATIONS, "1")
        )
        key, headers = str(event.facility).encode(), encode_headers(said)
        messages.append(Incoming(topic_of(event.speaker), 0, 0, key, encode_data(event), headers, 0))
    await _hear(service, address, messages)


async def _hear(service: str, address: str, messages: list[Incoming]) -> dict[str, int]:
    database = Database(address, connections=2)
    async with database.unit_of_work(actor=Actor(Role.SYSTEM, service), cause="consumer") as uow:
        outcomes = await Hearer(service, card_of(service).reactions, tries=1).hear(uow, messages, carefully=True)
    await database.close()
    return {kind: count for kind, count in outcomes.items() if count}


async def _mishear(service: str, address: str) -> None:
    """Let a service hear what it can only park, what waits for something earlier, and what belongs to no stream."""
    event = next(CATALOGUE[one] for one in sorted(CATALOGUE) if CATALOGUE[one] in card_of(service).reactions)
    place = f"reliefpath.{event.speaker.value}"
    messages = [
        Incoming(place, 0, number, stream.encode(), b'{"x": "\xff"}', _headers(event.type, place, stream, seq), 0)
        for number, (stream, seq) in enumerate([(str(uuid4()), "1"), (str(uuid4()), "7"), (str(uuid4()), "-1")])
    ]
    assert await _hear(service, address, messages) == {"parked": 1, "missing": 1, "dead_letter": 1}


def _headers(type: str, place: str, stream: str, seq: str) -> tuple[tuple[str, bytes], ...]:
    given = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": type,
        "ce_source": "/" + place.replace(".", "/"),
        "ce_subject": stream,
        "ce_time": "2026-11-27T09:00:00+00:00",
        "ce_seq": seq,
        "ce_cause": "request:0",
        "ce_actor": "system:nobody",
    }
    return tuple((name, value.encode()) for name, value in given.items())


@pytest.fixture(scope="package")
def addresses(filled: dict[str, str], keys: Keys) -> Iterator[dict[str, str]]:
    """Where each API answers."""
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    urls = {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
    with ExitStack() as running:
        for service, port in ports.items():
            given = {
                "profile": Profile.DEVELOPMENT,
                f"database_{service}": filled[service],
                "issuer": keys.issuer,
                "audience": keys.audience,
                "jwks": str(keys.jwks),
                **{f"url_{name}": url for name, url in urls.items()},
            }
            running.enter_context(served(with_edge(api(service), Settings.model_validate(given)), port))
        yield urls
