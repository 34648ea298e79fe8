"""The operations service in process: its API over a real database, the others as it sees them, and events to hear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI
from starlette.types import ASGIApp

from backbone.messages import Incoming
from backbone.service import SERVICES
from operations.app import build
from operations.peers import Peers
from reliefpath import events
from reliefpath.envelope import Actor, Attributes, Heard, Origin, encode_data, encode_headers
from reliefpath.events import Event, topic_of
from reliefpath.vocabulary import CourseKind, Purpose, Role, Setting
from stack.keys import Keys
from tests.support import place

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE, THERE = uuid4(), uuid4()


def requested(setting: Setting = Setting.OUTPATIENT) -> Event:
    return events.ReferralRequested(
        referral=uuid4(), from_facility=HERE, to_facility=THERE, setting=setting, clock_started_at=NOON
    )


def proposed(kind: CourseKind = CourseKind.TRIAL) -> Event:
    return events.CourseProposed(course=uuid4(), referral=uuid4(), kind=kind, modality="spinal-cord-stimulation")


def booked() -> Event:
    return events.AppointmentBooked(
        appointment=uuid4(),
        referral=uuid4(),
        purpose=Purpose.ASSESSMENT,
        facility=THERE,
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
    )


def said(
    event: Event,
    stream: UUID,
    seq: int,
    *,
    minute: float = 0,
    cause: str = "request:0192",
    id: UUID | None = None,
    role: Role = Role.COORDINATOR,
) -> Attributes:
    """The attributes under which an event is said, `minute` minutes after noon."""
    return Attributes(
        id=id or uuid4(),
        type=event.type,
        speaker=event.speaker,
        stream=stream,
        seq=seq,
        time=NOON + timedelta(minutes=minute),
        cause=cause,
        actor=Actor(role, "somebody"),
        rules=("some-rule@1",),
        trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


def heard(event: Event, attributes: Attributes, offset: int = 0) -> Heard:
    """An event as a reaction is given it."""
    return Heard(attributes, event, Origin(topic_of(event.speaker), 0, offset, attributes.time))


def incoming(event: Event, attributes: Attributes, offset: int = 0) -> Incoming:
    """An event as a consumer reads it."""
    at = int(attributes.time.timestamp() * 1000)
    key = str(attributes.stream).encode()
    return Incoming(topic_of(event.speaker), 0, offset, key, encode_data(event), encode_headers(attributes), at)


class Wires(httpx2.AsyncBaseTransport):
    """Leads to each service's application in this process; a service without one cannot be reached."""

    def __init__(self, applications: Mapping[str, ASGIApp]) -> None:
        self._transports = {name: httpx2.ASGITransport(app) for name, app in applications.items()}
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the application does."""
        self.requests.append(request)
        transport = self._transports.get(request.url.host)
        if transport is None:
            raise httpx2.ConnectError("nobody listens there", request=request)
        return await transport.handle_async_request(request)


@dataclass
class Operations:
    """The API, a client of it, and what it sent to the other services."""

    app: FastAPI
    served: ASGIApp
    client: httpx2.AsyncClient
    keys: Keys
    wires: Wires

    def bearer(self, role: Role = Role.OPERATIONS, **more: Any) -> dict[str, str]:
        """The headers of a caller in this role, with a key of its own."""
        token = self.keys.token(role, "olga", ["*"], **more)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        """What the operations team sees."""
        return await self.client.get(path, params=query, headers=self.bearer())

    async def post(self, path: str, reason: str = "it was mended") -> httpx2.Response:
        """What the operations team does."""
        return await self.client.post(path, json={"reason": reason}, headers=self.bearer())


@asynccontextmanager
async def serving(
    address: str, keys: Keys, others: Mapping[str, ASGIApp] | None = None, *, patience: float = 2.0
) -> AsyncIterator[Operations]:
    """The operations API over this database. It reaches itself and the `others`; further services are silent."""
    app = place.built(build)
    async with place.serving("operations", app, address, keys) as (served, client):
        wires = Wires({"operations": served, **(others or {})})
        async with Peers({one: f"http://{one}" for one in SERVICES}, patience=patience, transport=wires) as peers:
            app.state.peers = peers
            yield Operations(app, served, client, keys, wires)
