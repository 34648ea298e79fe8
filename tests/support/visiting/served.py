"""The visiting service's API in process: with the edge it is served with, and people who call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from backbone.api import build_api
from backbone.database import Database
from backbone.rows import new_id
from backbone.service import Service
from reliefpath.events import PatientArrived, Speaker
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support import place
from tests.support.visiting.lifecycle import VISIT
from tests.support.visiting.world import leave_mark

NAME = "referral"
"""Settings know the databases of real services only: visits borrow one."""


@dataclass
class Served:
    """The API, and how to call it as somebody."""

    app: FastAPI
    edge: ASGIApp
    client: httpx2.AsyncClient
    keys: Keys

    @property
    def database(self) -> Database:
        """The API's own connections."""
        database: Database = self.app.state.database
        return database

    def headers(self, role: Role = Role.OPERATIONS, *facilities: str, subject: str = "") -> dict[str, str]:
        """What somebody of this role sends with every request."""
        given = facilities or (("*",) if role is Role.OPERATIONS else ())
        return {"Authorization": f"Bearer {self.keys.token(role, subject or f'{role}-1', given)}"}

    async def get(self, path: str, role: Role = Role.OPERATIONS, **query: Any) -> httpx2.Response:
        """What somebody reads."""
        return await self.client.get(path, params=query, headers=self.headers(role))

    async def post(
        self, path: str, body: Any = None, *, role: Role = Role.OPERATIONS, key: str | None = None
    ) -> httpx2.Response:
        """What somebody does, under a new key unless they give one."""
        headers = self.headers(role) | {"Idempotency-Key": key or str(new_id())}
        return await self.client.post(path, json=body, headers=headers)


@asynccontextmanager
async def serving(
    address: str, keys: Keys, routers: Sequence[APIRouter] = (), **settings: Any
) -> AsyncIterator[Served]:
    """The API over this database; `settings` are those that differ from a development profile's."""
    service = Service(
        NAME,
        "visiting",
        hears=(Speaker.SCHEDULING,),
        lifecycles=(VISIT,),
        reactions={PatientArrived: leave_mark},
    )
    app = build_api(service, routers)
    async with place.serving(NAME, app, address, keys, **settings) as (edge, client):
        yield Served(app, edge, client, keys)
