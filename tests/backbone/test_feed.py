"""The feed: everything a caller may see, once it is committed, whoever committed when."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from sqlalchemy import text

from backbone import feed as subject
from backbone.access import Principal, admit
from backbone.api import build_api
from backbone.database import Database
from backbone.feed import Feed, read_on
from backbone.paging import decode_cursor, encode_cursor
from backbone.problems import Conflict, Invalid
from backbone.rows import new_id
from backbone.service import Service
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.plans import rows_read
from tests.support.visiting.served import Served, serving
from tests.support.visiting.world import received, rows, unit

OURS, THEIRS = new_id(), new_id()
KEPT = 90


def somebody(*facilities: UUID) -> Principal:
    return Principal(role=Role.INTEGRATION, subject="system-1", facilities=frozenset(facilities))


async def say(db: Database, journey: UUID, *, to: UUID = OURS, times: int = 1) -> None:
    async with unit(db) as uow:
        await admit(uow, journey, [to])
        for _ in range(times):
            uow.say(journey, received())


async def read(db: Database, after: str | None = None, limit: int = 50, who: Principal | None = None) -> Feed:
    async with unit(db) as uow:
        return await read_on(uow, who or somebody(OURS), after, limit, KEPT)


async def read_all(db: Database, after: str | None = None, limit: int = 50) -> tuple[list[tuple[UUID, int]], str]:
    """The subjects and places of everything that follows, and where it ends."""
    found: list[tuple[UUID, int]] = []
    while True:
        feed = await read(db, after, limit)
        found += [(one.subject, one.seq) for one in feed.items]
        after = feed.after
        if not feed.more:
            return found, after


async def test_a_caller_reads_what_was_said_of_its_journeys_and_nothing_else(db: Database) -> None:
    ours, theirs = new_id(), new_id()
    await say(db, ours, times=2)
    await say(db, theirs, to=THEIRS)
    found, after = await read_all(db)
    assert found == [(ours, 1), (ours, 2)]
    assert await read_all(db, after) == ([], (await read(db, after)).after)
    await say(db, ours)
    assert (await read_all(db, after))[0] == [(ours, 3)]
    assert (await read(db, who=somebody())).items == []


async def test_pages_hold_what_is_asked_for_and_nothing_comes_twice_or_is_left_out(db: Database) -> None:
    journeys = [new_id() for _ in range(7)]
    for number in range(30):
        await say(db, journeys[number % 7], to=OURS if number % 7 else THEIRS)
    expected = {(one, seq) for place, one in enumerate(journeys[1:], 1) for seq in range(1, 5 if place > 1 else 6)}
    for limit in (1, 4, 50):
        found, _ = await read_all(db, limit=limit)
        assert len(found) == len(set(found)) == len(expected)
        assert set(found) == expected
        assert all([seq for one, seq in found if one == journey] == sorted(seq for one, seq in found if one == journey)
                   for journey in journeys)  # fmt: skip


async def test_a_page_looks_at_so_many_events_and_no_more_and_says_that_there_is_more(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LOOKED_AT", 10)
    ours = new_id()
    await say(db, new_id(), to=THEIRS, times=25)
    await say(db, ours)
    first = await read(db)
    assert (first.items, first.more) == ([], True)
    assert (await read_all(db, first.after))[0] == [(ours, 1)]


async def test_an_event_of_a_transaction_that_took_long_is_read_when_it_is_committed(db: Database) -> None:
    early, late = new_id(), new_id()
    async with unit(db) as uow:
        await admit(uow, late, [OURS])
        uow.say(late, received())
        await uow.finish()
        await say(db, early)
        found, after = await read_all(db)
        assert found == [(early, 1)]
        assert (await read_all(db, after))[0] == []
    assert (await read_all(db, after))[0] == [(late, 1)], "its id is smaller than one that was read"


async def test_whoever_reads_while_many_write_misses_nothing_and_reads_each_subject_in_order(db: Database) -> None:
    chance, journeys = random.Random(7), [new_id() for _ in range(6)]

    async def write() -> None:
        for _ in range(15):
            async with unit(db) as uow:
                for journey in sorted(chance.sample(journeys, 2)):
                    await admit(uow, journey, [OURS])
                    uow.say(journey, received())
                await uow.finish()
                await asyncio.sleep(chance.random() / 100)

    found: list[tuple[UUID, int]] = []
    after: str | None = None
    writers = [asyncio.create_task(write()) for _ in range(5)]
    while not all(one.done() for one in writers):
        fresh, after = await read_all(db, after, limit=7)
        found += fresh
    found += (await read_all(db, after))[0]
    await asyncio.gather(*writers)
    for journey in journeys:
        seqs = [seq for one, seq in found if one == journey]
        assert seqs == list(range(1, len(seqs) + 1))
    assert len(found) == 150


async def test_a_place_of_longer_ago_than_events_are_kept_is_refused_and_so_is_one_of_another_server(
    db: Database,
) -> None:
    _, after = await read_all(db)
    seen, target, sent, at = decode_cursor(after, (str, str, int, int))
    old = encode_cursor((seen, target, sent, at - (KEPT * 86_400 + 60)))
    foreign = encode_cursor(("900000000000:900000000000:", target, sent, at))
    for place in (old, foreign):
        with pytest.raises(Conflict, match="may not be kept") as refused:
            await read(db, place)
        assert "without `after`" in (refused.value.reasons[0].satisfy or "")
    async with unit(db) as uow:
        assert not (await read_on(uow, somebody(OURS), old, 50, 0)).more, "they are kept for ever"


async def test_a_place_grows_no_older_while_it_is_read_on(db: Database) -> None:
    journey = new_id()
    await say(db, journey, times=3)
    _, after = await read_all(db)
    seen, target, sent, at = decode_cursor(after, (str, str, int, int))
    long_ago = at - (KEPT - 1) * 86_400
    await say(db, journey, times=3)
    first = await read(db, encode_cursor((seen, target, sent, long_ago)), limit=1)
    assert decode_cursor(first.after, (str, str, int, int))[3] == long_ago, "it still lacks what was said since then"
    _, end = await read_all(db, first.after)
    assert decode_cursor((await read(db, end)).after, (str, str, int, int))[3] >= at


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        *(
            encode_cursor(values)
            for values in [
                ("1:1:", "", 0),
                ("5:3:", "", 0, 0),
                ("1:9:4,3", "", 0, 0),
                ("1:9:9", "", 0, 0),
                ("1:99999999999999999999:", "", 0, 0),
                ("1:1:", "", 4, 0),
                ("1:1:", "x", 0, 0),
                ("1:1:", "", -1, 0),
                ("0:0:", "", 0, 0),
                ("٣:٣:", "", 0, 0),
            ]
        ),
    ],
)
async def test_a_place_that_was_not_given_out_is_refused(db: Database, forged: str) -> None:
    with pytest.raises(Invalid) as refused:
        await read(db, forged)
    assert refused.value.reasons[0].pointer == "/after"


async def test_who_asks_again_and_again_makes_nobody_read_what_was_read(db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
                " SELECT n % 16, uuidv7(), 'reliefpath.referral', uuidv7(), 1, '{}', ''"
                " FROM generate_series(1, 20000) AS n"
            )
        )
        await uow.session.execute(text("ANALYZE backbone.outbox"))
    ((now,),) = await rows(db, "SELECT pg_current_snapshot()::text")
    async with unit(db) as uow:
        await uow.session.execute(text("SET LOCAL enable_sort = off"))
        plan = await uow.session.execute(
            text(f"EXPLAIN (ANALYZE, FORMAT JSON) {subject._LOOK.text}"),
            {"seen": now, "target": "", "sent": 0, "most": 1001},
        )
        found = plan.scalar_one()
    assert max(rows_read((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])) <= 50


@pytest.fixture
async def api(address: str, keys: Keys) -> AsyncIterator[Served]:
    """An API that has the feed."""
    async with serving(address, keys, [subject.router]) as made:
        yield made


async def test_an_event_of_the_feed_is_a_cloud_event_and_its_reading_is_written_down(db: Database, api: Served) -> None:
    journey = new_id()
    await say(db, journey)
    bearer = api.headers(Role.INTEGRATION, str(OURS))
    answer = await api.client.get("/events", headers=bearer)
    assert answer.status_code == 200
    (item,) = answer.json()["items"]
    event = JSONFormat().read(None, json.dumps(item))
    theirs = event.get_attributes()
    assert (theirs["type"], theirs["subject"], theirs["seq"]) == (received().type, str(journey), 1)
    ((data,),) = await rows(db, "SELECT data FROM backbone.outbox")
    assert event.get_data() == json.loads(data)
    ((audited,),) = await rows(db, "SELECT count(*) FROM backbone.audit WHERE action = 'read' AND resource = 'events'")
    assert audited == 1
    again = await api.client.get("/events", params={"after": answer.json()["after"]}, headers=bearer)
    assert (again.status_code, again.json()["items"], again.json()["more"]) == (200, [], False)
    ((audited,),) = await rows(db, "SELECT count(*) FROM backbone.audit WHERE action = 'read' AND resource = 'events'")
    assert audited == 1, "nothing was read"


async def test_a_patient_reads_no_feed(api: Served) -> None:
    bearer = {"Authorization": f"Bearer {api.keys.token(Role.PATIENT, 'patient-1', [], journey=new_id())}"}
    assert (await api.client.get("/events", headers=bearer)).status_code == 403


def test_who_speaks_nowhere_has_no_feed() -> None:
    assert "/events" not in {getattr(one, "path", "") for one in build_api(Service("referral", "quiet"), []).routes}
