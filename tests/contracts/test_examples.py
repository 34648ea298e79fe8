"""The examples live: each event's is one that a real command says and that every reaction to it understands."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest

from backbone.database import Database
from backbone.hearing import Hearer
from backbone.messages import Incoming
from contracts import event_schemas, topics
from contracts.cards import SERVICES, card, lifecycles
from contracts.examples import examples_of, said, stories, type_of
from reliefpath.envelope import Actor, decode_data, read_attributes
from reliefpath.events import CATALOGUE, topic_of
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.contracts.player import playing
from tests.support.databases import Databases

HEARD_BY_ALL = {"operations"}
"""Who writes every event down, whatever it is: it is told all of them."""


def test_every_event_has_an_example() -> None:
    assert [type_ for type_, event in CATALOGUE.items() if not examples_of(event)] == []


@pytest.mark.parametrize("name", said())
def test_an_example_is_valid_and_can_be_read(name: str) -> None:
    example, event = said()[name], CATALOGUE[type_of(name)]
    jsonschema_rs.validator_for(event_schemas.schema(event), validate_formats=True).validate(example.data)
    jsonschema_rs.validator_for(topics.headers(event), validate_formats=True).validate(example.headers)
    headers = [(key, value.encode()) for key, value in example.headers.items()]
    attributes = read_attributes(topic_of(event.speaker), example.headers["ce_subject"].encode(), headers)
    read = decode_data(attributes, event.model_validate(example.data).model_dump_json(exclude_none=True).encode())
    assert read.model_dump(mode="json", exclude_none=True) == event.model_validate(example.data).model_dump(
        mode="json", exclude_none=True
    )
    assert set(example.data) <= set(event.model_fields)


def steps(service: str | None = None) -> list[Any]:
    return [step for (of, _), story in stories().items() for step in story.steps if service in {None, of}]


def test_every_example_is_said_in_a_story() -> None:
    told = {name for step in steps() for name in step.says}
    assert sorted(said().keys() - told) == []


def test_every_reaction_hears_an_example_of_its_event() -> None:
    lacking = [
        f"{service} {event.type}"
        for service in SERVICES
        if service not in HEARD_BY_ALL
        for event in card(service).reactions
        if event.type not in {type_of(step.hear) for step in steps(service) if step.hear}
    ]
    assert sorted(lacking) == []


async def test_who_writes_every_event_down_hears_every_example(databases: Databases) -> None:
    address = databases.migrated("operations")
    database = Database(address, connections=2)
    hearer = Hearer("operations", card("operations").reactions, tries=1)
    outcomes: Counter[str] = Counter()
    try:
        for number, example in enumerate(said().values()):
            headers = example.headers | {"ce_subject": str(uuid4()), "ce_seq": "1"}
            if "ce_journey" in headers:
                headers["ce_journey"] = headers["ce_subject"]
            topic, key = topic_of(CATALOGUE[headers["ce_type"]].speaker), headers["ce_subject"].encode()
            pairs = tuple((name, value.encode()) for name, value in headers.items())
            message = Incoming(topic, 0, number, key, json.dumps(example.data).encode(), pairs, 1_772_438_400_000)
            async with database.unit_of_work(actor=Actor(Role.SYSTEM, "operations"), cause="consumer") as uow:
                outcomes += await hearer.hear(uow, [message], carefully=True)
    finally:
        await database.close()
        databases.drop(address)
    assert outcomes == {"effect": len(said())}


def test_every_action_that_is_offered_is_done_in_a_story() -> None:
    done = {step.do for step in steps()}
    offered = {
        f"{name}_{transition.action}".replace("-", "_")
        for name, (_, lifecycle) in lifecycles().items()
        for transition in lifecycle.transitions
        if transition.offered
    }
    assert sorted(offered - done) == []


@pytest.mark.parametrize(("service", "name"), stories())
async def test_a_story_happens_as_it_is_told(databases: Databases, keys: Keys, service: str, name: str) -> None:
    address = databases.migrated(service)
    try:
        async with playing(service, address, keys) as player:
            await player.play(stories()[service, name])
    finally:
        databases.drop(address)
