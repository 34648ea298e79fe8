"""The examples live: each event's is one that a real command says and that every reaction to it understands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import jsonschema_rs
import pytest

from backbone.database import Database
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.paging import encode_cursor
from backbone.service import SERVICES, card_of
from contracts import event_schemas, topics
from contracts.cards import lifecycles
from contracts.examples import (
    EVERY,
    EXAMPLES,
    Caller,
    Step,
    Story,
    answers,
    examples_of,
    left_over,
    record,
    recorded,
    said,
    stories,
    type_of,
    unrecorded,
)
from reliefpath.envelope import Actor, decode_data, read_attributes
from reliefpath.events import CATALOGUE, topic_of
from reliefpath.vocabulary import Role, facility_id
from stack.keys import Keys
from tests.contracts.player import RECORD, playing
from tests.contracts.unifying import Names, moved
from tests.support.databases import Databases

HEARD_BY_ALL = {"operations"}
"""Who writes every event down, whatever it is: it is told all of them."""

VOCABULARY = {"female", "male", "other", "unknown", "f"}
"""What a contract itself says may be written of a person."""

OPERATOR = Caller(role="operations", facilities=("*",))


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
        for event in card_of(service).reactions
        if event.type not in {type_of(step.hear) for step in steps(service) if step.hear}
    ]
    assert sorted(lacking) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_whoever_hears_an_event_understands_every_example_of_it(databases: Databases, service: str) -> None:
    address, reactions = databases.migrated(service), card_of(service).reactions
    database = Database(address, connections=2)
    hearer = Hearer(service, reactions, tries=1)
    outcomes: Counter[str] = Counter()
    heard = [one for one in said().values() if CATALOGUE[one.headers["ce_type"]] in reactions]
    try:
        for number, example in enumerate(heard):
            headers = example.headers | {"ce_subject": str(uuid4()), "ce_seq": "1"}
            if "ce_journey" in headers:
                headers["ce_journey"] = headers["ce_subject"]
            topic, key = topic_of(CATALOGUE[headers["ce_type"]].speaker), headers["ce_subject"].encode()
            pairs = tuple((name, value.encode()) for name, value in headers.items())
            message = Incoming(topic, 0, number, key, json.dumps(example.data).encode(), pairs, 1_772_438_400_000)
            async with database.unit_of_work(actor=Actor(Role.SYSTEM, service), cause="consumer") as uow:
                outcomes += await hearer.hear(uow, [message], carefully=True)
    finally:
        await database.close()
        databases.drop(address)
    assert outcomes == {"effect": len(heard)}


def test_every_action_that_is_offered_is_done_in_a_story() -> None:
    done = {step.do for step in steps()}
    offered = {
        f"{name}_{transition.action}".replace("-", "_")
        for name, (_, lifecycle) in lifecycles().items()
        for transition in lifecycle.transitions
        if transition.offered
    }
    assert sorted(offered - done) == []


def test_every_answer_to_a_story_is_recorded_and_none_is_left_over(tmp_path: Path) -> None:
    assert (unrecorded(), left_over()) == ([], []), RECORD
    one, *others = answers()
    record(one, {"id": 1}, tmp_path)
    record(one.model_copy(update={"to": "forgotten"}), {}, tmp_path)
    assert recorded(one, tmp_path) == {"id": 1}
    assert unrecorded(tmp_path) == sorted(other.place for other in others)
    assert left_over(tmp_path) == [Path(one.service) / f"forgotten.{one.status}.json"]


def test_of_the_steps_that_could_be_the_example_the_first_is_that_says_what_it_is_about() -> None:
    for one in answers():
        alike = [
            (bool(step.about), name, number)
            for (service, name), story in stories().items()
            for number, step in enumerate(story.steps, 1)
            if (service, step.refused or step.do, step.answered, step.of) == (one.service, one.to, one.status, None)
        ]
        told = any(about for about, _, _ in alike)
        assert (one.story, one.number) == min((name, number) for about, name, number in alike if about is told)


def test_what_happens_to_every_service_alike_is_told_of_each() -> None:
    alike = {path.stem for path in (EXAMPLES / "stories" / EVERY).glob("*.json")}
    assert alike
    assert {(service, name) for service in SERVICES for name in alike} <= stories().keys()


def test_a_refusal_tells_nothing_of_a_person() -> None:
    patients = [step.body["patient"] for step in steps() if isinstance(step.body, dict) and "patient" in step.body]
    known = {word for one in patients for word in texts(one) if not word.startswith("https:")} - VOCABULARY
    assert {"Synthetic", "synthetic-1", "1958-05-17"} <= known
    for one in answers():
        if one.status >= 400:
            assert known.isdisjoint(re.findall(r"[\w.-]+", json.dumps(recorded(one)))), one.place


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts(one)


def played(seed: int, minutes: float) -> dict[str, Any]:
    """What one play might be answered: its own ids, its own pace, its own place in the feed."""
    draw = Random(seed)
    ids = [UUID(int=draw.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62) for _ in "ab"]
    moment = datetime(2026, 3, 2, 7, tzinfo=UTC) + timedelta(minutes=minutes)
    place = encode_cursor((f"{seed}:{seed + 2}:{seed + 1}", "", 0, seed))
    return {
        "id": str(ids[0]),
        "follows": [str(ids[1]), str(ids[0])],
        "facility": str(facility_id("pain-centre")),
        "cause": f"request:{ids[1]}",
        "traceparent": f"00-{draw.getrandbits(128):032x}-{draw.getrandbits(64):016x}-01",
        "updated_at": moment.isoformat(),
        "day": "2026-03-02",
        "seconds_in_stage": 60 + minutes * 60,
        "relief": 71.4,
        "after": place,
        "next": None,
    }


def test_times_by_the_machines_clock_are_told_by_the_storys() -> None:
    now, month = datetime(2026, 11, 23, 12, tzinfo=UTC), timedelta(days=30)
    real = {"held_at": "2026-11-23T12:00:01Z", "items": [{"due_at": "2026-12-23T12:00:00Z", "code": "2026"}]}
    shown = moved(real, month, since=now, until=now + timedelta(minutes=1))
    assert shown == {**real, "held_at": "2026-12-23T12:00:01Z"}


def test_two_plays_are_recorded_alike_and_each_is_as_was_recorded() -> None:
    kept = Names().settled(played(1, 0.1))
    assert Names().settled(played(2, 0.9)) == kept
    assert kept["follows"] == ["00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000001"]
    assert (kept["facility"], kept["day"]) == (str(facility_id("pain-centre")), "2026-03-02")
    assert (kept["updated_at"], kept["seconds_in_stage"]) == ("2026-03-02T07:00:00+00:00", 60)
    assert list(Names().differences(kept, played(3, 0.5))) == []


@pytest.mark.parametrize(
    "lie",
    [
        {"follows": ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"]},
        {"follows": []},
        {"facility": str(facility_id("pain-clinic"))},
        {"updated_at": "2026-03-02T07:03:00+00:00"},
        {"day": "2026-03-03"},
        {"seconds_in_stage": 600},
        {"relief": 71.5},
        {"after": "WyIxIl0"},
        {"next": "WyIxIl0"},
        {"traceparent": "00-1"},
        {"more": False},
    ],
)
def test_what_was_recorded_and_is_not_so_is_found(lie: dict[str, Any]) -> None:
    [name] = lie
    found = list(Names().differences(Names().settled(played(1, 0)) | lie, played(2, 0)))
    assert found
    assert all(one.startswith(f"/{name}") for one in found)


async def test_a_story_is_not_as_it_is_told_when_it_is_answered_something_else(
    databases: Databases, keys: Keys
) -> None:
    known = {1: {"counts": [], "journeys": 0, "open": 1}}
    story = Story(about="Nothing", at="2026-03-02T07:00:00+00:00", steps=(Step(do="counts", by=OPERATOR),))
    address = databases.migrated("operations")
    try:
        async with playing("operations", address, keys) as player:
            with pytest.raises(AssertionError, match="ANSWERS=anew") as wrong:
                await player.play(story, known)
            assert "step 1 (counts): /answer/open: the example says 1, it is 0" in str(wrong.value)
            assert player.settled(1) == [{"counts": [], "journeys": 0, "open": 0}]
    finally:
        databases.drop(address)


LISTED = "reliefpath.directory.FacilityListed.v1"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((Step(do="streams_lag", by=OPERATOR, refused="not-found"),), "200 instead of not-found"),
        ((Step(do="streams_held_one", by=OPERATOR, path={"id": "a"}),), "invalid instead of 200"),
        ((Step(do="streams_lag", refused="forbidden"),), "unauthenticated instead of forbidden"),
        ((Step(hear=LISTED, becomes="behind"),), r"step 1 \(.*\): \[\]"),
        ((Step(hear=LISTED, becomes="parked"), Step(hear=f"{LISTED}.equipped")), "'behind', 'it waits behind seq 1'"),
        ((Step(wait="P1D", becomes="parked"),), "other deadlines fail than should"),
    ],
)
async def test_a_story_in_which_something_else_fails_is_not_as_it_is_told(
    databases: Databases, keys: Keys, steps: tuple[Step, ...], said: str
) -> None:
    address = databases.migrated("referral")
    try:
        async with playing("referral", address, keys) as player:
            with pytest.raises(AssertionError, match=said):
                await player.play(Story(about="Something", at="2026-03-02T07:00:00+00:00", steps=steps))
    finally:
        databases.drop(address)


@pytest.mark.parametrize(("service", "name"), stories())
async def test_a_story_happens_as_it_is_told(
    databases: Databases, keys: Keys, recording: bool, service: str, name: str
) -> None:
    story = stories()[service, name]
    kept = {one.number: one for one in answers() if (one.service, one.story) == (service, name)}
    known = {} if recording else {number: recorded(one) for number, one in kept.items()}
    addresses = {one: databases.migrated(one) for one in SERVICES if one == service or story.tells_of_all}
    others = {one: address for one, address in addresses.items() if one != service}
    try:
        async with playing(service, addresses[service], keys, others) as player:
            await player.play(story, known)
            if recording:
                for number, answer in zip(sorted(kept), player.settled(*kept), strict=True):
                    record(kept[number], answer)
    finally:
        for address in addresses.values():
            databases.drop(address)
