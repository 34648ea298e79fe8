"""A rebuilt read model is compared row by row, and whatever differs is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
from sqlalchemy import text

from backbone import rebuild as rebuilding
from backbone.database import Database
from backbone.hearing import Hearer, Reaction
from backbone.inbox import Stream, first_held
from backbone.messages import Incoming
from backbone.rebuild import compare, main, reactions_of, rebuild
from backbone.rows import new_id
from backbone.service import Service
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import Event, Speaker
from tests.support.databases import Databases
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import Voice, arrived, read, received, rows, unit, value


async def mark(uow: Any, heard: Heard) -> None:
    """A read model whose rows are told by the event alone."""
    uow.session.add(Mark(id=heard.attributes.id, journey=heard.attributes.stream, seq=heard.attributes.seq))


READING: Final[dict[type[Event], Reaction]] = {events.PatientArrived: mark, events.ReferralReceived: mark}
SERVICE = Service(
    "referral", "visiting", says=(Speaker.REFERRAL,), hears=(Speaker.SCHEDULING,), read_models={"marks": READING}
)


class Topics:
    """What Kafka would hand out."""

    def __init__(self) -> None:
        self.messages: list[Incoming] = []

    async def replay(self, servers: str, topics: Sequence[str], most: int, patience: float) -> AsyncIterator[Any]:
        for message in self.messages:
            if message.topic in topics:
                yield [message]


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Topics to fill."""
    made = Topics()
    monkeypatch.setattr(rebuilding, "replay", made.replay)
    return made


@pytest.fixture
async def target(databases: Databases, template: str) -> AsyncIterator[Database]:
    """A migrated database to build in."""
    copy = databases.copy(template, owner="referral")
    made = Database(copy)
    yield made
    await made.close()
    databases.drop(copy)


async def live(db: Database, topics: Topics, heard: int = 3, unheard: int = 0) -> None:
    """A service that heard so many events of a journey, and has yet to hear so many."""
    voice, journey = Voice(), new_id()
    for number in range(heard + unheard):
        message = read(voice.say(arrived(), journey), offset=number)
        topics.messages.append(message)
        if number < heard:
            async with unit(db) as uow:
                await Hearer("referral", READING, tries=1).hear(uow, [message], carefully=True)


async def built(db: Database, target: Database) -> rebuilding.Rebuilt:
    return await rebuild(SERVICE, db, target, "nowhere", 1)


async def test_what_was_heard_comes_out_identical_and_what_was_not_is_left_out(
    db: Database, target: Database, topics: Topics
) -> None:
    await live(db, topics, heard=3, unheard=2)
    rebuilt = await built(db, target)
    assert rebuilt.identical
    assert [str(one) for one in rebuilt.tables] == ["marks: 3 rows, identical"]
    assert await value(target, "SELECT count(*) FROM marks") == 3


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE marks SET text = 'other' WHERE seq = 2", "differs"),
        ("DELETE FROM marks WHERE seq = 2", "not in use"),
        (
            "INSERT INTO marks (id, journey, seq, text) VALUES (gen_random_uuid(), gen_random_uuid(), 1, '')",
            "not rebuilt",
        ),
    ],
)
async def test_a_row_that_differs_is_named(
    db: Database, target: Database, topics: Topics, statement: str, told: str
) -> None:
    await live(db, topics)
    async with unit(db) as uow:
        await uow.session.execute(text(statement))
    rebuilt = await built(db, target)
    assert not rebuilt.identical
    assert f"  {told}: " in str(rebuilt.tables[0])
    assert rebuilt.lacking == []


async def test_a_stream_whose_event_is_gone_from_its_topic_is_named(
    db: Database, target: Database, topics: Topics
) -> None:
    await live(db, topics)
    del topics.messages[1]
    rebuilt = await built(db, target)
    assert [line.rpartition(": ")[2] for line in rebuilt.lacking] == ["seq 1 of 3 could be told again"]


async def test_what_a_service_says_itself_counts_as_far_as_it_had_said_it(
    db: Database, target: Database, topics: Topics
) -> None:
    voice, journey = Voice(), new_id()
    async with unit(db) as uow:
        uow.say(journey, received())
    topics.messages += [read(voice.say(received(), journey), offset=number) for number in range(2)]
    rebuilt = await built(db, target)
    assert rebuilt.lacking == []
    assert await rows(target, "SELECT seq FROM marks") == [(1,)]


async def test_a_message_that_belongs_to_no_stream_is_passed_over(
    db: Database, target: Database, topics: Topics
) -> None:
    await live(db, topics)
    topics.messages.insert(0, replace(topics.messages[0], headers=()))
    assert (await built(db, target)).identical


async def test_nothing_of_the_database_in_use_is_changed(db: Database, target: Database, topics: Topics) -> None:
    await live(db, topics)
    tables = "SELECT 'm', id, seq FROM marks UNION ALL SELECT 'h', stream, seq FROM backbone.heard ORDER BY 1, 2"
    before = await rows(db, tables)
    await built(db, target)
    assert await rows(db, tables) == before


def test_an_event_moves_every_read_model_that_names_it_once() -> None:
    models: dict[str, dict[type[Event], Reaction]] = {"a": READING, "b": {events.PatientArrived: mark}}
    assert set(reactions_of(replace(SERVICE, read_models=models))) == set(READING)


def test_only_so_many_differences_are_shown_and_the_others_counted() -> None:
    told = str(compare("marks", {str(number): "x" for number in range(50)}, {}))
    assert told.count("not rebuilt") == rebuilding.MOST_SHOWN
    assert "and 30 more" in told


def test_a_setting_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("RELIEFPATH_KAFKA", raising=False)
    assert main(["operations", "--into", "postgresql://nowhere"]) == 2
    assert "RELIEFPATH_KAFKA is not set" in capsys.readouterr().err


def test_a_database_that_is_away_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("RELIEFPATH_DATABASE_OPERATIONS", "postgresql://somebody:secret@127.0.0.1:1/none")
    assert main(["operations", "--into", "postgresql://somebody:secret@127.0.0.1:1/none"]) == 2
    told = capsys.readouterr().err
    assert "does not answer" in told
    assert "secret" not in told


@pytest.mark.parametrize("spoiled", [True, False])
async def test_what_a_person_discarded_has_no_effect_in_a_rebuild_either(
    db: Database, target: Database, topics: Topics, spoiled: bool
) -> None:
    voice, journey = Voice(), new_id()
    messages = [read(voice.say(arrived(), journey), offset=number) for number in range(3)]
    if spoiled:
        messages[1] = replace(messages[1], value=b"{}")
    topics.messages += messages

    async def fails_at_two(uow: Any, heard: Heard) -> None:
        if heard.attributes.seq == 2:
            raise ValueError
        await mark(uow, heard)

    hearer = Hearer("referral", {events.PatientArrived: fails_at_two}, tries=1)
    async with unit(db) as uow:
        await hearer.hear(uow, messages, carefully=True)
    async with unit(db) as uow:
        first = await first_held(uow, Stream(Speaker.SCHEDULING, journey))
        assert first is not None
        await hearer.discard(uow, first, "operations:olga", "it was said by mistake")
    rebuilt = await built(db, target)
    assert rebuilt.identical, [*map(str, rebuilt.tables), *rebuilt.lacking]
    assert await rows(target, "SELECT seq FROM marks ORDER BY seq") == [(1,), (3,)]
