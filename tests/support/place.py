"""A service in process: its API over a real database, the people who call it, what it said, and what it is told."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI
from sqlalchemy import text
from starlette.types import ASGIApp

from backbone.api import with_edge
from backbone.database import Database, UnitOfWork
from backbone.deadlines import DeadlineWatch
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.service import Service
from backbone.settings import Settings
from reliefpath.envelope import Actor, Attributes, encode_data, encode_headers
from reliefpath.events import CATALOGUE, Event, Speaker, topic_of
from reliefpath.vocabulary import Profile, Role, facility_id
from stack.keys import WHOLE_NETWORK, Keys
from tests.support.emptying import count_rows, empty


@dataclass
class Person:
    """Somebody who calls the API in one role for some facilities."""

    client: httpx2.AsyncClient
    token: str

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        """What they read."""
        return await self.client.get(path, params=query, headers=self._headers())

    async def read(self, path: str, **query: Any) -> Any:
        """What they read, which must be there."""
        answer = await self.get(path, **query)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(
        self, path: str, body: Any = None, *, version: int | str | None = "*", key: str | None = "", **query: Any
    ) -> httpx2.Response:
        """What they do. `version` is the one they decided on; any, unless they say. Without a key when it is None."""
        headers = self._headers(version)
        if key is not None:
            headers["Idempotency-Key"] = key or str(uuid4())
        return await self.client.post(path, json=body or {}, headers=headers, params=query)

    async def put(self, path: str, body: Any, *, version: int | str | None = "*") -> httpx2.Response:
        """What they change."""
        return await self.client.put(path, json=body, headers=self._headers(version))

    async def done(self, path: str, body: Any = None, **more: Any) -> Any:
        """What they do, which must succeed; what is shown afterwards."""
        answer = await self.post(path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def _headers(self, version: int | str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        return headers


class Place:
    """A service; each has a class of its own, which knows the service's people and stories."""

    card: ClassVar[Service]

    def __init__(self, client: httpx2.AsyncClient, keys: Keys, database: Database) -> None:
        self.client, self.keys, self.database = client, keys, database
        self._hearer = Hearer(self.card.name, self.card.reactions, tries=3)
        self._seqs: dict[tuple[Speaker, UUID], int] = {}
        self._offsets = itertools.count()

    def person(self, role: Role, *codes: str, **more: Any) -> Person:
        """Somebody in this role at these facilities."""
        token = self.keys.token(role, f"{role}-subject", [facility_id(code) for code in codes], **more)
        return Person(self.client, token)

    def everywhere(self, role: Role) -> Person:
        """Somebody who oversees the whole network."""
        return Person(self.client, self.keys.token(role, f"{role}-subject", [WHOLE_NETWORK]))

    def patient(self, journey: UUID | str) -> Person:
        """The patient of a journey, with the link they were given."""
        return self.person(Role.PATIENT, journey=journey)

    @asynccontextmanager
    async def work(self, role: Role = Role.SYSTEM) -> AsyncIterator[UnitOfWork]:
        """A transaction as a consumer opens it."""
        async with self.database.unit_of_work(actor=Actor(role, self.card.name), cause="consumer") as uow:
            yield uow

    def message(self, event: Event, stream: UUID | str, seq: int | None = None) -> Incoming:
        """An event as the consumer reads it, with the next `seq` of its speaker in the stream unless told another."""
        stream = UUID(str(stream))
        if seq is None:
            seq = self._seqs[event.speaker, stream] = self._seqs.get((event.speaker, stream), 0) + 1
        now = datetime.now(UTC)
        attributes = Attributes(
            uuid4(), event.type, event.speaker, stream, seq, now, "request:test", Actor(Role.SYSTEM, "other")
        )
        return Incoming(
            topic_of(event.speaker),
            0,
            next(self._offsets),
            str(stream).encode(),
            encode_data(event),
            encode_headers(attributes),
            int(now.timestamp() * 1000),
        )

    async def hear(self, event: Event, stream: UUID | str, seq: int | None = None) -> dict[str, int]:
        """Tell the service of an event; how it was taken, by kind of outcome."""
        return await self.take(self.message(event, stream, seq))

    async def take(self, *messages: Incoming) -> dict[str, int]:
        """Have the service hear these messages in one transaction; how they were taken."""
        async with self.work() as uow:
            return {kind: n for kind, n in (await self._hearer.hear(uow, messages, carefully=True)).items() if n}

    async def said(self, stream: UUID | str | None = None) -> list[Event]:
        """What the service said, in order; in one stream or in all."""
        query = "SELECT headers, data FROM backbone.outbox WHERE stream = :stream OR CAST(:stream AS uuid) IS NULL"
        rows = await self.rows(query + " ORDER BY id", stream=None if stream is None else UUID(str(stream)))
        return [CATALOGUE[dict(json.loads(row["headers"]))["ce_type"]].model_validate_json(row["data"]) for row in rows]

    async def told(self, stream: UUID | str) -> list[str]:
        """The names of what the service said in a stream."""
        return [type(event).__name__ for event in await self.said(stream)]

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        async with self.database.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(text(query), values)]

    async def value(self, query: str, **values: Any) -> Any:
        """The one value that stands there."""
        ((value,),) = [row.values() for row in await self.rows(query, **values)]
        return value

    async def count(self) -> dict[str, int]:
        """How many rows there are, by table: to show that nothing was written."""
        return await count_rows(self.database, self.card.name)

    async def pass_time(self, length: timedelta) -> None:
        """Shift the clock, and let every deadline be whose time has then come."""
        async with self.database.engine.begin() as connection:
            await connection.execute(text("UPDATE backbone.clock SET shift = shift + :length"), {"length": length})
        watch = DeadlineWatch(self.database, self.card.deadlines, self.card.name, 3)
        while await watch.take_one():
            pass


@cache
def built(build: Callable[[], FastAPI]) -> FastAPI:
    """Built once for all tests: it takes longer than most of them, and holds nothing of who is served."""
    return build()


@asynccontextmanager
async def serving(
    name: str, app: FastAPI, address: str, keys: Keys, **settings: Any
) -> AsyncIterator[tuple[ASGIApp, httpx2.AsyncClient]]:
    """A service's application as it is served, over this database, and a client of it.

    `settings` are those that differ from a development profile's.
    """
    given: dict[str, Any] = {
        "profile": Profile.DEVELOPMENT,
        f"database_{name}": address,
        "issuer": keys.issuer,
        "audience": keys.audience,
        "jwks": str(keys.jwks),
        **settings,
    }
    edge: ASGIApp = with_edge(app, Settings(**given))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(edge), base_url=f"http://{name}") as client,
    ):
        yield edge, client


SomePlace = TypeVar("SomePlace", bound=Place)


@asynccontextmanager
async def opening(
    kind: type[SomePlace], build: Callable[[], FastAPI], address: str, keys: Keys, **settings: Any
) -> AsyncIterator[SomePlace]:
    """A place of this kind over this database, emptied first."""
    database = Database(address, connections=6)
    await empty(database, kind.card.name)
    async with serving(kind.card.name, built(build), address, keys, **settings) as (_, client):
        yield kind(client, keys, database)
    await database.close()
