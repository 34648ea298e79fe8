"""The topics' contract: valid AsyncAPI 3.0, every event once, and events as others' libraries read them."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from backbone.service import SERVICES, card_of
from contracts import topics
from contracts.examples import Said, said, type_of
from reliefpath.envelope import Attributes, encode_data, encode_headers, read_attributes
from reliefpath.events import CATALOGUE, topic_of
from tests.contracts.official import asyncapi_schema


@pytest.fixture(scope="module")
def document() -> Any:
    return topics.document()


def test_it_is_what_asyncapi_itself_calls_valid(document: Any) -> None:
    validator = jsonschema_rs.validator_for(asyncapi_schema())
    assert [f"{one.instance_path}: {one.message}"[:300] for one in validator.iter_errors(document)] == []


def test_the_schema_finds_what_is_wrong(document: Any) -> None:
    wrong = {**document, "channels": {"referral": {"adress": "reliefpath.referral"}}}
    assert not jsonschema_rs.validator_for(asyncapi_schema()).is_valid(wrong)


def test_every_event_is_on_its_speakers_topic_once(document: Any) -> None:
    found = [
        (channel["address"], document["components"]["messages"][name]["name"])
        for channel in document["channels"].values()
        for name in channel["messages"]
    ]
    assert sorted(found) == sorted((topic_of(event.speaker), type_) for type_, event in CATALOGUE.items())


def test_who_says_and_who_hears_is_what_the_cards_say(document: Any) -> None:
    named = {(one.split(".")[0], one.split(".")[1], one.split(".")[2]) for one in document["operations"]}
    wanted = {(s, "says", speaker.value) for s in SERVICES for speaker in card_of(s).says}
    wanted |= {(s, "hears", speaker.value) for s in SERVICES for speaker in card_of(s).hears}
    assert named == wanted


@pytest.mark.parametrize("name", said())
def test_an_event_of_ours_is_read_by_the_cloudevents_library_unchanged(name: str) -> None:
    example, event = said()[name], CATALOGUE[type_of(name)]
    attributes = _attributes(example)
    ours = dict(encode_headers(attributes))
    message = KafkaMessage(ours, str(attributes.stream), encode_data(event.model_validate(example.data)))
    read = from_kafka_event(message)
    assert read.get_data() == event.model_validate(example.data).model_dump(mode="json", exclude_none=True)
    theirs = read.get_attributes()
    assert theirs["time"] == attributes.time
    assert {name: theirs[name] for name in ("id", "type", "source", "subject", "seq", "cause", "actor")} == {
        name: ours[f"ce_{name}"].decode() for name in ("id", "type", "source", "subject", "seq", "cause", "actor")
    }


def _attributes(example: Said) -> Attributes:
    headers = [(name, value.encode()) for name, value in example.headers.items()]
    topic = topic_of(CATALOGUE[example.headers["ce_type"]].speaker)
    return read_attributes(topic, example.headers["ce_subject"].encode(), headers)
