"""What an operator sees and does of a service's streams: lag, held events, dead letters, parked deadlines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone import inbox
from backbone.database import Database, UnitOfWork
from backbone.deadlines import Alarm, Deadline, DeadlineWatch, set_deadline
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.rows import new_id
from reliefpath import events
from reliefpath.envelope import Heard, load_headers
from reliefpath.events import Event, Speaker, topic_of
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.visiting.served import Served, serving
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import Voice, arrived, leave_mark, marks, read, received, rows, unit, value

TOPIC: Final = topic_of(Speaker.SCHEDULING)
BECAUSE: Final = {"reason": "the operator looked at it"}


class Ear:
    """A worker's hearer and the API's own, with one reaction that fails while it is told to."""

    def __init__(self, served: Served, db: Database) -> None:
        self.served, self.db, self.voice = served, db, Voice()
        self.failing = True
        self._offset = 0
        reactions = {events.PatientArrived: self._react}
        self.worker = Hearer("referral", reactions, tries=3)
        served.app.state.hearer = Hearer("referral", reactions, tries=1)

    async def _react(self, uow: UnitOfWork, heard: Heard) -> None:
        if self.failing and heard.attributes.seq == 1:
            raise ZeroDivisionError("Anna Meier")
        await leave_mark(uow, heard)

    async def hear(self, *given: Incoming) -> None:
        """The worker hears these."""
        async with unit(self.db) as uow:
            await self.worker.hear(uow, given, carefully=True)

    def say(self, stream: UUID, event: Event | None = None, **changed: Any) -> Incoming:
        """A message as Kafka hands it out."""
        self._offset += 1
        return read(self.voice.say(event or arrived(), stream, **changed), self._offset)

    async def held(self, *, events: int = 2) -> tuple[UUID, list[dict[str, Any]]]:
        """A journey whose first event failed, with others behind it; the stream and the held events in order."""
        stream = new_id()
        await self.hear(*[self.say(stream) for _ in range(events)])
        items = (await self.served.get("/streams/held")).json()["items"]
        return stream, sorted((one for one in items if one["stream"] == str(stream)), key=lambda one: one["seq"])

    async def letter(self) -> dict[str, Any]:
        """A dead letter: a message without headers."""
        self._offset += 1
        topic = TOPIC
        await self.hear(
            Incoming(topic, 0, self._offset, b"key", b"secret", (("odd \x00", b"\xff"),), 1_790_000_000_000)
        )
        return dict((await self.served.get("/streams/dead-letters")).json()["items"][-1])


@pytest.fixture
async def served(address: str, keys: Keys) -> AsyncIterator[Served]:
    async with serving(address, keys) as running:
        yield running


@pytest.fixture
def ear(served: Served, db: Database) -> Ear:
    return Ear(served, db)


@pytest.mark.parametrize(
    "path",
    [
        "lag",
        "held",
        f"held/{new_id()}",
        "dead-letters",
        f"dead-letters/{new_id()}",
        "deadlines",
        f"deadlines/{new_id()}",
    ],
)
async def test_only_operations_see_streams(served: Served, path: str) -> None:
    for role in set(Role) - {Role.SYSTEM, Role.OPERATIONS, Role.PATIENT}:
        assert (await served.get(f"/streams/{path}", role)).status_code == 403
    assert (await served.client.get(f"/streams/{path}")).status_code == 401


@pytest.mark.parametrize("kind", ["held", "dead-letters", "deadlines"])
@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_only_operations_act_on_streams(served: Served, kind: str, action: str) -> None:
    path = f"/streams/{kind}/{new_id()}/{action}"
    assert (await served.post(path, BECAUSE, role=Role.COORDINATOR)).status_code == 403
    assert (await served.post(path, BECAUSE)).status_code == 404
    assert (await served.post(path, {"reason": " x "})).status_code == 422
    assert (await served.post(path, None)).status_code == 422
    keyless = await served.client.post(path, json=BECAUSE, headers=served.headers())
    assert (keyless.status_code, keyless.json()["errors"][0]["code"]) == (400, "idempotency-key")


@pytest.mark.parametrize(("kind", "status"), [("dead-letters", "a\x00b"), ("dead-letters", "lost"), ("held", "lost")])
async def test_a_status_that_there_is_not_is_told_so(served: Served, kind: str, status: str) -> None:
    assert (await served.get(f"/streams/{kind}", status=status)).status_code == 422


@pytest.mark.parametrize("topic", ["a%00b", "A", "%20", "x" * 101])
async def test_a_topic_that_cannot_be_is_told_so(served: Served, topic: str) -> None:
    answer = await served.post(f"/streams/lag/{topic}/0/restart", BECAUSE)
    assert answer.status_code == 422


async def test_lag_is_records_and_the_age_of_the_oldest_unread(served: Served, db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                'INSERT INTO backbone.lags (topic, partition, next, "end", oldest_at) VALUES'
                " ('b', 0, 4, 9, clock_timestamp() - interval '90 seconds'), ('a', 1, 7, 7, NULL), ('a', 0, 8, 7, NULL)"
            )
        )
    shown = (await served.get("/streams/lag")).json()
    assert [(one["topic"], one["partition"], one["records"]) for one in shown] == [
        ("a", 0, 0),
        ("a", 1, 0),
        ("b", 0, 5),
    ]
    assert [one["seconds"] for one in shown[:2]] == [0, 0]
    assert 90 <= shown[2]["seconds"] < 100


async def test_a_partition_is_restarted_only_when_its_offset_is_gone(served: Served, db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text(
                'INSERT INTO backbone.lags (topic, partition, next, "end", begins)'
                " VALUES ('a', 0, 9, 5, 2), ('a', 1, 9, 9, NULL)"
            )
        )
        at_nine = "SELECT 'a', n, 9, 'm' FROM generate_series(0, 1) n"
        await uow.session.execute(text(f"INSERT INTO backbone.offsets (topic, partition, next, mark) {at_nine}"))
    assert [one["begins"] for one in (await served.get("/streams/lag")).json()] == [2, None]
    assert (await served.post("/streams/lag/a/0/restart", BECAUSE, role=Role.COORDINATOR)).status_code == 403
    assert (await served.post("/streams/lag/a/0/restart", None)).status_code == 422
    for refused in ("a/1", "b/0"):
        answer = await served.post(f"/streams/lag/{refused}/restart", BECAUSE)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "offset-not-gone")
    answer = await served.post("/streams/lag/a/0/restart", BECAUSE)
    assert answer.json() == {"topic": "a", "partition": 0, "next": 2}
    assert await rows(db, "SELECT next, mark FROM backbone.offsets ORDER BY partition") == [(2, None), (9, b"m")]
    assert await rows(db, "SELECT after, reason FROM backbone.audit WHERE action = 'restart'") == [
        ("a/0 at 2", BECAUSE["reason"])
    ]


async def test_held_events_tell_why_without_quoting_the_error(ear: Ear) -> None:
    stream, (first, second) = await ear.held()
    assert (first["status"], first["attempts"], second["status"]) == ("retrying", 1, "behind")
    assert first["reason"].startswith("ZeroDivisionError at tests.backbone.test_streams:")
    answer = await ear.served.get(f"/streams/held/{first['id']}")
    assert "Meier" not in answer.text
    assert answer.json()["headers"]["ce_type"] == first["type"] == arrived().type
    read = "SELECT actor, journeys FROM backbone.audit WHERE action = 'read' AND resource_id = :id"
    assert await rows(ear.db, read, id=UUID(first["id"])) == [("operations:operations-1", [stream])]


async def test_held_events_come_in_pages_and_by_status(ear: Ear) -> None:
    await ear.held(events=3)
    _, (first, *_) = await ear.held(events=1)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await ear.served.get("/streams/held", limit=1, **({"cursor": cursor} if cursor else {}))).json()
        seen += [one["id"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == len(set(seen)) == 4
    behind = (await ear.served.get("/streams/held", status="behind")).json()["items"]
    assert [one["seq"] for one in behind] == [2, 3]
    assert (await ear.served.get("/streams/held", status="sideways")).status_code == 422
    assert first["id"] in seen


async def test_a_retry_that_succeeds_gives_its_effect_to_the_event_and_to_those_behind_it(ear: Ear) -> None:
    stream, (first, second) = await ear.held()
    ear.failing = False
    answer = await ear.served.post(f"/streams/held/{first['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
    assert answer.json()["ended_by"] == "operations:operations-1"
    assert await marks(ear.db, stream) == [1, 2]
    assert (await ear.served.get(f"/streams/held/{second['id']}")).json()["status"] == "resolved"
    assert (await ear.served.get("/streams/held")).json()["items"] == []
    resolved = (await ear.served.get("/streams/held", status="resolved")).json()["items"]
    assert {one["id"] for one in resolved} == {first["id"], second["id"]}


async def test_a_retry_that_fails_again_parks_the_event(ear: Ear) -> None:
    stream, (first, _) = await ear.held()
    answer = await ear.served.post(f"/streams/held/{first['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"], answer.json()["attempts"]) == (200, "parked", 2)
    assert await marks(ear.db, stream) == []


async def test_a_discarded_event_has_no_effect_and_those_behind_it_go_on(ear: Ear) -> None:
    stream, (first, *_) = await ear.held(events=3)
    answer = await ear.served.post(f"/streams/held/{first['id']}/discard", BECAUSE)
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "discarded")
    assert (shown["ended_by"], shown["ended_because"]) == ("operations:operations-1", BECAUSE["reason"])
    assert await marks(ear.db, stream) == [2, 3]


async def test_only_the_first_of_a_stream_can_be_discarded(ear: Ear) -> None:
    stream, (_, second) = await ear.held()
    answer = await ear.served.post(f"/streams/held/{second['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "not-first")
    assert await marks(ear.db, stream) == []
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE action = 'discard'") == 0


async def test_an_event_whose_predecessor_was_never_heard_cannot_be_discarded(ear: Ear) -> None:
    stream = new_id()
    await ear.hear(ear.say(stream, seq=5))
    (missing,) = (await ear.served.get("/streams/held", status="missing")).json()["items"]
    answer = await ear.served.post(f"/streams/held/{missing['id']}/discard", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "earlier-missing")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_what_has_ended_stays_ended(ear: Ear, action: str) -> None:
    _, (first,) = await ear.held(events=1)
    await ear.served.post(f"/streams/held/{first['id']}/discard", BECAUSE)
    answer = await ear.served.post(f"/streams/held/{first['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")
    letter = await ear.letter()
    await ear.served.post(f"/streams/dead-letters/{letter['id']}/discard", BECAUSE)
    answer = await ear.served.post(f"/streams/dead-letters/{letter['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_an_action_is_audited_and_done_once_per_key(ear: Ear, action: str) -> None:
    stream, (first,) = await ear.held(events=1)
    ear.failing = False
    path, key = f"/streams/held/{first['id']}/{action}", str(new_id())
    once, again = [await ear.served.post(path, BECAUSE, key=key) for _ in range(2)]
    assert (once.status_code, once.json()) == (again.status_code, again.json())
    other = await ear.served.post(path, {"reason": "another one"}, key=key)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "idempotency-key-reused")
    audited = "SELECT actor, reason, before, journeys FROM backbone.audit WHERE action = :action"
    assert await rows(ear.db, audited, action=action) == [
        ("operations:operations-1", BECAUSE["reason"], "retrying", [stream])
    ]


async def test_an_operator_and_a_worker_at_the_same_event_give_it_one_effect(ear: Ear) -> None:
    stream, (first, _) = await ear.held()
    ear.failing = False
    path = f"/streams/held/{first['id']}/retry"
    answers = await asyncio.gather(*[ear.served.post(path, BECAUSE) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await marks(ear.db, stream) == [1, 2]


async def test_a_dead_letter_tells_where_it_lay_and_never_what_it_holds(ear: Ear) -> None:
    letter = await ear.letter()
    shown = await ear.served.get(f"/streams/dead-letters/{letter['id']}")
    assert shown.json() == letter
    assert "secret" not in shown.text
    assert (letter["status"], letter["bytes"], letter["topic"]) == ("new", 6, TOPIC)
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE resource = 'dead letter'") == 1


async def test_a_dead_letter_that_still_cannot_be_read_stays_open(ear: Ear) -> None:
    letter = await ear.letter()
    answer = await ear.served.post(f"/streams/dead-letters/{letter['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"], answer.json()["ended_at"]) == (200, "failed_again", None)
    (still,) = (await ear.served.get("/streams/dead-letters")).json()["items"]
    assert still["id"] == letter["id"]
    assert [one["id"] for one in (await ear.served.get("/streams/dead-letters", status="failed_again")).json()["items"]]


async def _readable_by_now(ear: Ear) -> tuple[UUID, dict[str, Any]]:
    """A dead letter that this program can read by now: its content is put right behind the API's back."""
    stream, letter = new_id(), await ear.letter()
    message = ear.say(stream)
    async with unit(ear.db) as uow:
        await uow.session.execute(
            text("UPDATE backbone.dead_letters SET key = :key, data = :data, headers = CAST(:headers AS jsonb)"),
            {"key": message.key, "data": message.value, "headers": json.dumps(inbox.quoted(message.headers))},
        )
    return stream, letter


async def test_a_dead_letter_that_can_be_read_by_now_has_its_effect(ear: Ear) -> None:
    ear.failing = False
    stream, letter = await _readable_by_now(ear)
    answer = await ear.served.post(f"/streams/dead-letters/{letter['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
    assert await marks(ear.db, stream) == [1]


async def test_a_dead_letter_whose_reaction_fails_is_held_where_somebody_sees_it(
    ear: Ear,
) -> None:
    stream, letter = await _readable_by_now(ear)
    assert (await ear.served.post(f"/streams/dead-letters/{letter['id']}/retry", BECAUSE)).json()[
        "status"
    ] == "resolved"
    (held,) = (await ear.served.get("/streams/held")).json()["items"]
    assert (held["stream"], held["status"]) == (str(stream), "parked")


async def test_a_dead_letter_is_ended_by_one_operator_alone(ear: Ear) -> None:
    letter = await ear.letter()
    path = f"/streams/dead-letters/{letter['id']}/discard"
    answers = await asyncio.gather(*[ear.served.post(path, BECAUSE) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE action = 'discard'") == 1


class Calls:
    """A worker's alarm and the API's own, with one handler that fails while it is told to."""

    def __init__(self, served: Served, db: Database) -> None:
        self.served, self.db, self.failing = served, db, True
        served.app.state.alarm = Alarm("referral", {"call": self._call})

    async def _call(self, uow: UnitOfWork, deadline: Deadline) -> None:
        uow.session.add(Mark(journey=deadline.journey, seq=1, text=deadline.kind))
        uow.say(deadline.journey, received())
        if self.failing:
            raise ZeroDivisionError("Anna Meier")

    async def due(self, *, in_seconds: float = -60) -> UUID:
        """A deadline; its subject, which is its journey too."""
        thing = new_id()
        async with unit(self.db) as uow:
            at = uow.now + timedelta(seconds=in_seconds)
            await set_deadline(uow, "call", journey=thing, subject=thing, due_at=at)
        return thing

    async def parked(self, number: int = 1) -> list[dict[str, Any]]:
        """So many deadlines that failed too often, as the API shows them."""
        for nth in range(number):
            await self.due(in_seconds=nth - 60)
            assert await DeadlineWatch(self.db, {"call": self._call}, "referral", 1).take_one()
        return await self.shown()

    async def shown(self, **query: Any) -> list[dict[str, Any]]:
        """The deadlines of the first page."""
        return list((await self.served.get("/streams/deadlines", **query)).json()["items"])


@pytest.fixture
def calls(served: Served, db: Database) -> Calls:
    return Calls(served, db)


async def test_a_parked_deadline_is_shown_with_its_reason_and_an_open_one_only_when_asked_for(calls: Calls) -> None:
    (one,) = await calls.parked()
    thing = await calls.due(in_seconds=60)
    assert (one["status"], one["attempts"], one["ended_at"], one["kind"]) == ("parked", 1, None, "call")
    assert one["reason"].startswith("ZeroDivisionError at tests.backbone.test_streams:")
    answer = await calls.served.get(f"/streams/deadlines/{one['id']}")
    assert answer.json() == one
    assert "Meier" not in answer.text
    audited = "SELECT actor, journeys FROM backbone.audit WHERE action = 'read' AND resource = 'deadline'"
    assert await rows(calls.db, audited) == [("operations:operations-1", [UUID(one["journey"])])]
    assert await calls.shown() == [one]
    assert [shown["subject"] for shown in await calls.shown(status="open")] == [str(thing)]
    assert len(await calls.shown(status=["open", "parked"])) == 2
    assert (await calls.served.get("/streams/deadlines", status="sideways")).status_code == 422


async def test_parked_deadlines_come_in_pages_the_earliest_first(calls: Calls) -> None:
    parked = await calls.parked(3)
    first = await calls.served.get("/streams/deadlines", limit=2)
    second = await calls.served.get("/streams/deadlines", limit=2, cursor=first.json()["next"])
    assert first.json()["items"] + second.json()["items"] == parked
    assert parked == sorted(parked, key=lambda one: str(one["due_at"]))
    assert second.json()["next"] is None


async def test_a_deadline_that_is_retried_fires_in_the_services_name_and_for_its_own_cause(calls: Calls) -> None:
    (one,) = await calls.parked()
    calls.failing = False
    answer = await calls.served.post(f"/streams/deadlines/{one['id']}/retry", BECAUSE)
    shown = answer.json()
    assert (answer.status_code, shown["status"], shown["reason"]) == (200, "fired", None)
    assert (shown["ended_by"], shown["ended_because"]) == ("operations:operations-1", BECAUSE["reason"])
    assert shown["ended_at"] is not None
    assert await marks(calls.db, UUID(one["journey"])) == [1]
    headers = dict(load_headers(await value(calls.db, "SELECT headers FROM backbone.outbox")))
    assert headers["ce_actor"] == b"system:referral"
    assert headers["ce_cause"].decode() == f"deadline:call:{one['id']}:{one['cause']}"
    assert await calls.shown() == []


async def test_a_deadline_that_fails_again_stays_parked_and_leaves_nothing(calls: Calls) -> None:
    (one,) = await calls.parked()
    answer = await calls.served.post(f"/streams/deadlines/{one['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()) == (200, one | {"attempts": 2})
    assert await marks(calls.db, UUID(one["journey"])) == []
    assert await calls.shown() == [one | {"attempts": 2}]


async def test_a_retried_deadline_that_its_handler_sets_anew_is_open_for_its_new_time(calls: Calls) -> None:
    async def again(uow: UnitOfWork, deadline: Deadline) -> None:
        later = uow.now + timedelta(days=1)
        await set_deadline(uow, "call", journey=deadline.journey, subject=deadline.subject, due_at=later)

    (one,) = await calls.parked()
    calls.served.app.state.alarm = Alarm("referral", {"call": again})
    shown = (await calls.served.post(f"/streams/deadlines/{one['id']}/retry", BECAUSE)).json()
    assert (shown["status"], shown["ended_at"], shown["attempts"], shown["cause"]) == ("open", None, 0, one["cause"])
    assert shown["due_at"] > one["due_at"]


async def test_a_discarded_deadline_has_no_effect_and_keeps_its_reason(calls: Calls) -> None:
    (one,) = await calls.parked()
    shown = (await calls.served.post(f"/streams/deadlines/{one['id']}/discard", BECAUSE)).json()
    assert (shown["status"], shown["reason"]) == ("discarded", one["reason"])
    assert (shown["ended_by"], shown["ended_because"]) == ("operations:operations-1", BECAUSE["reason"])
    assert await marks(calls.db, UUID(one["journey"])) == []
    assert await calls.shown() == []
    assert await calls.shown(status="discarded") == [shown]


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_only_a_parked_deadline_can_be_retried_or_discarded(calls: Calls, action: str) -> None:
    await calls.due(in_seconds=60)
    (coming,) = await calls.shown(status="open")
    answer = await calls.served.post(f"/streams/deadlines/{coming['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "not-parked")
    (one,) = await calls.parked()
    await calls.served.post(f"/streams/deadlines/{one['id']}/discard", BECAUSE)
    answer = await calls.served.post(f"/streams/deadlines/{one['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_mending_a_deadline_is_audited_and_done_once_per_key(calls: Calls, action: str) -> None:
    (one,) = await calls.parked()
    calls.failing = False
    path, key = f"/streams/deadlines/{one['id']}/{action}", str(new_id())
    once, again = [await calls.served.post(path, BECAUSE, key=key) for _ in range(2)]
    assert (once.status_code, once.json()) == (again.status_code, again.json())
    audited = "SELECT actor, reason, before, journeys FROM backbone.audit WHERE action = :action"
    assert await rows(calls.db, audited, action=action) == [
        ("operations:operations-1", BECAUSE["reason"], "parked", [UUID(one["journey"])])
    ]


async def test_several_operators_at_one_deadline_give_it_one_effect(calls: Calls) -> None:
    (one,) = await calls.parked()
    calls.failing = False
    path = f"/streams/deadlines/{one['id']}/retry"
    answers = await asyncio.gather(*[calls.served.post(path, BECAUSE) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await marks(calls.db, UUID(one["journey"])) == [1]
