"""Plays a story of `contracts/examples` on a service itself, and says wherever it is not as the story says."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import Any, Final

import httpx2
from fastapi import FastAPI
from pydantic import TypeAdapter
from sqlalchemy import text
from starlette.types import ASGIApp

from backbone import offsets
from backbone.database import Database
from backbone.deadlines import DeadlineWatch
from backbone.hearing import Hearer
from backbone.inbox import Status
from backbone.lag import Lag
from backbone.messages import Incoming, Place
from backbone.problems import TYPE_PREFIX
from backbone.service import SERVICES, card_of
from contracts.cards import api
from contracts.examples import Said, Step, Story, said
from operations import NAME
from operations.peers import Peers
from reliefpath.envelope import Actor, load_headers
from reliefpath.events import CATALOGUE, topic_of
from reliefpath.vocabulary import Role, facility_id
from stack.keys import Keys
from tests.contracts.unifying import Names, moved
from tests.support.operations import Wires
from tests.support.place import serving

DURATION: Final = TypeAdapter(timedelta)
OF_ITS_OWN: Final = frozenset({"ce_id", "ce_seq", "traceparent"})
"""Headers that say which one it is and not what it says."""

TRACE: Final = f"00-{1:032x}-{1:016x}-01"
"""In which trace a request is made that is refused, as a refusal names it."""

LONG: Final = 50.0
"""So many seconds after its beginning a story does not tell the same minutes any more."""

RECORD: Final = "If that is how it should be: `make contracts ANSWERS=anew`."


class Player:
    """One story on one service, over an emptied database whose clock says what the story's does.

    `others` play what happens to other services meanwhile.
    """

    def __init__(
        self, service: str, client: httpx2.AsyncClient, keys: Keys, database: Database, paths: Any, names: Names
    ) -> None:
        self.service, self._client, self._keys, self._database, self._paths = service, client, keys, database, paths
        reactions = card_of(service).reactions
        self._hearer = Hearer(service, reactions, tries=1)
        self._faulty = Hearer(service, dict.fromkeys(reactions, faulty(service)), tries=1)
        self._names = names
        self.others: dict[str, Player] = {}
        self._seqs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._heard: Counter[str] = Counter()
        self._tags: dict[str, str] = {}
        self._answers: list[Any] = []
        self._said = 0
        self._moment = datetime.now(UTC)
        self._begun = time.monotonic()

    async def play(self, story: Story, answers: Mapping[int, Any] | None = None) -> None:
        """Play it from its first step to its last. `answers` are known, each by the number of its step."""
        for player in self._all:
            await player._set_clock(datetime.fromisoformat(story.at))
        for number, step in enumerate(story.steps, 1):
            try:
                await self._play(step)
                await self._has_said(step)
                if answers and number in answers:
                    differences = list(self._names.differences(answers[number], self._answers[-1], at="/answer"))
                    assert differences == [], "\n".join([*differences, RECORD])
            except AssertionError as wrong:
                what = step.do or step.hear or step.wait or step.lose
                raise AssertionError(f"step {number} ({what}): {wrong}") from None

    def settled(self, *numbers: int) -> list[Any]:
        """The answers to these steps of what was played, as examples: every play gives the same."""
        assert time.monotonic() - self._begun < LONG, "Times to the minute would tell how long it took: play it again"
        return [self._names.settled(self._answers[number - 1]) for number in sorted(numbers)]

    @property
    def _all(self) -> list[Player]:
        return [self, *self.others.values()]

    async def _play(self, step: Step) -> None:
        there, answer = self.others.get(step.of or self.service, self), None
        if step.do:
            answer = await there._do(step)
        elif step.hear:
            await there._hear(step.hear, step.becomes)
        elif step.lose:
            await there._lose(step.lose)
        else:
            for player in self._all:
                becomes = step.becomes if player is there else "effect"
                await player._wait(DURATION.validate_python(step.wait), becomes)
        self._answers.append(answer)

    async def _set_clock(self, moment: datetime) -> None:
        self._moment, self._begun = moment, time.monotonic()
        async with self._database.engine.begin() as connection:
            await connection.execute(
                text("UPDATE backbone.clock SET shift = CAST(:moment AS timestamptz) - clock_timestamp()"),
                {"moment": moment},
            )

    async def _wait(self, length: timedelta, becomes: str) -> None:
        self._moment += length
        async with self._database.engine.begin() as connection:
            await connection.execute(text("UPDATE backbone.clock SET shift = shift + :length"), {"length": length})
        handlers = card_of(self.service).deadlines
        if becomes != "effect":
            handlers = dict.fromkeys(handlers, faulty(self.service))
        parked = await self._count_parked()
        watch = DeadlineWatch(self._database, handlers, self.service, 1)
        while await watch.take_one():
            pass
        assert (await self._count_parked() > parked) is (becomes == "parked"), "other deadlines fail than should"

    async def _count_parked(self) -> int:
        async with self._database.engine.connect() as connection:
            query = "SELECT count(*) FROM backbone.deadlines WHERE ended = 'parked' AND done_at IS NULL"
            return int((await connection.execute(text(query))).scalar_one())

    async def _lose(self, topic: str) -> None:
        """What a consumer writes down when it would have to go on at an offset that is not there any more."""
        place, at = Place(topic, 0), self._heard[topic]
        lag = Lag()
        lag.note_ends({place: 0}, {place: at})
        lag.note_waiting(place)
        actor = Actor(Role.SYSTEM, self.service)
        async with self._database.unit_of_work(actor=actor, cause="consumer") as uow:
            await offsets.begin(uow, {place: at})
            await lag.write(uow, {place: at}, {place: 0})

    async def _do(self, step: Step) -> Any:
        assert step.do is not None
        method, path = self._paths[step.do]
        for name, value in step.path.items():
            path = path.replace("{" + name + "}", str(self._names.translated(value)))
        headers = self._headers(step, path)
        body = self._names.translated(step.body)
        if isinstance(body, dict):
            body = json.dumps(body)
        answer = await self._client.request(method, path, params=dict(step.query), content=body, headers=headers)
        shown = self._by_the_clock(answer.json() if answer.content else {})
        wanted = step.refused or step.status
        was = shown["type"].removeprefix(TYPE_PREFIX) if answer.status_code >= 400 else answer.status_code
        assert was == wanted, f"{was} instead of {wanted}: {json.dumps(shown)}"
        if step.shows is not None:
            differences = list(self._names.differences(step.shows, shown, part=True))
            assert differences == [], differences
        if "etag" in answer.headers and "id" in shown:
            self._tags[shown["id"]] = answer.headers["etag"]
        return shown

    def _by_the_clock(self, shown: Any) -> Any:
        """What is shown, with the times that were taken from the machine's clock as the story's clock says them."""
        now = datetime.now(UTC)
        begun = now - timedelta(seconds=time.monotonic() - self._begun)
        return moved(shown, self._moment - begun, since=begun, until=now + timedelta(minutes=1))

    def _headers(self, step: Step, path: str) -> dict[str, str]:
        headers: dict[str, str | None] = {"Content-Type": "application/json"}
        if step.refused:
            headers["traceparent"] = TRACE
        if step.by is not None:
            facilities = [code if code == "*" else facility_id(code) for code in step.by.facilities]
            journey = self._names.translated(step.by.journey)
            token = self._keys.token(Role(step.by.role), step.by.subject, facilities, journey=journey)
            headers |= {
                "Authorization": f"Bearer {token}",
                "Idempotency-Key": f"{self.service}-{id(step)}",
                "If-Match": next((tag for id_, tag in self._tags.items() if id_ in path), "*"),
            }
        return {name: value for name, value in {**headers, **step.headers}.items() if value is not None}

    async def _hear(self, name: str, becomes: str) -> None:
        example = said()[name]
        headers = self._names.translated(example.headers)
        place = headers["ce_source"], headers["ce_subject"]
        self._seqs[place] += 2 if becomes == "missing" else 1
        headers["ce_seq"] = str(-1 if becomes == "dead_letter" else self._seqs[place])
        event = CATALOGUE[headers["ce_type"]]
        topic = topic_of(event.speaker)
        message = Incoming(
            topic,
            0,
            self._heard[topic],
            headers["ce_subject"].encode(),
            json.dumps(self._names.translated(example.data)).encode(),
            tuple((key, value.encode()) for key, value in headers.items()),
            int(self._moment.timestamp() * 1000),
        )
        self._heard[topic] += 1
        actor, hearer = Actor(Role.SYSTEM, self.service), self._faulty if becomes == "parked" else self._hearer
        async with self._database.unit_of_work(actor=actor, cause="consumer") as uow:
            outcomes = await hearer.hear(uow, [message], carefully=True)
        told = Status.RETRYING if becomes == Status.PARKED else becomes  # its first try was the last
        assert {kind: n for kind, n in outcomes.items() if n} == {told: 1}, await self._why_held()

    async def _why_held(self) -> Any:
        async with self._database.engine.connect() as connection:
            query = "SELECT type, status, reason FROM backbone.held WHERE ended_at IS NULL"
            return [tuple(row) for row in await connection.execute(text(query))]

    async def _news(self) -> list[Said]:
        """What it has said since this was last asked."""
        async with self._database.engine.connect() as connection:
            query = "SELECT id, headers, data FROM backbone.outbox WHERE id > :last ORDER BY id"
            rows = (await connection.execute(text(query), {"last": self._said})).all()
        self._said = rows[-1].id if rows else self._said
        return [
            Said(headers={n: v.decode() for n, v in load_headers(row.headers)}, data=json.loads(bytes(row.data)))
            for row in rows
        ]

    async def _has_said(self, step: Step) -> None:
        real = [one for player in self._all for one in await player._news()]
        told = [one.headers["ce_type"] for one in real]
        wanted = [said()[name].headers["ce_type"] for name in step.says]
        assert told == wanted, f"it says {json.dumps([one.model_dump() for one in real], indent=1)}"
        differences = [
            f"{name}{where}"
            for name, one in zip(step.says, real, strict=True)
            for where in self._differ(said()[name], one)
        ]
        assert differences == [], "\n".join(differences)

    def _differ(self, example: Said, real: Said) -> list[str]:
        self._names.same(example.headers["ce_id"], real.headers["ce_id"])
        then, now = (datetime.fromisoformat(one.headers["ce_time"]) for one in (example, real))
        ours, theirs = ({k: v for k, v in one.headers.items() if k not in OF_ITS_OWN} for one in (example, real))
        return [
            *self._names.differences(ours, theirs, later=now - then, at="/headers"),
            *self._names.differences(example.data, real.data, later=now - then, at="/data"),
        ]


def faulty(service: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """What has a fault in it, as if it stood among what the service does when others speak and time passes."""

    async def fails(*_: Any) -> None:
        raise KeyError

    assert isinstance(fails, FunctionType)
    there = {**fails.__globals__, "__name__": f"{service}.reactions"}
    return FunctionType(fails.__code__.replace(co_firstlineno=1), there)


@asynccontextmanager
async def playing(
    service: str, address: str, keys: Keys, others: Mapping[str, str] | None = None
) -> AsyncIterator[Player]:
    """A player on this service over this database, and on the others over theirs."""
    names, players, apps, served = Names(), dict[str, Player](), dict[str, FastAPI](), dict[str, ASGIApp]()
    async with AsyncExitStack() as stack:
        for one, where in {service: address, **(others or {})}.items():
            apps[one], database = api(one), Database(where, connections=4)
            served[one], client = await stack.enter_async_context(serving(one, apps[one], where, keys))
            stack.push_async_callback(database.close)
            players[one] = Player(one, client, keys, database, _paths(apps[one]), names)
        if service == NAME:
            peers = Peers({one: f"http://{one}" for one in SERVICES}, transport=Wires(served))
            apps[service].state.peers = await stack.enter_async_context(peers)
        players[service].others = {name: one for name, one in players.items() if name != service}
        yield players[service]


def _paths(built: FastAPI) -> dict[str, tuple[str, str]]:
    """The method and the path of each operation."""
    return {
        operation["operationId"]: (method.upper(), path)
        for path, item in built.openapi()["paths"].items()
        for method, operation in item.items()
    }
