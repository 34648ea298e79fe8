"""People who go on working whatever breaks, and write down what they were told: done, refused, or never answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx2

from reliefpath.vocabulary import Role, facility_id
from simulator.directory import ONCOLOGY, PAIN_CLINIC
from stack.keys import Keys

STEPS: Final = ("create", "send", "receive", "accept")
BOOKED: Final = 4
"""Of so many patients one is booked, into the first free time there is, which others want as well."""
PATIENCE: Final = 90.0
"""Seconds for which a request is repeated, under its key, before its outcome counts as unknown."""


@dataclass
class Visit:
    """One referral as its people know it: the last step they were told is done, and one they never heard of."""

    identifier: str
    referral: str | None = None
    journey: str | None = None
    done: list[str] = field(default_factory=list)
    unknown: str | None = None
    refused: str | None = None
    repeats: int = 0
    booked: str | None = None
    """The appointment that a scheduler was told is booked."""
    failures: int = 0
    """How often it was answered 500, which nothing that breaks around an API excuses."""


class Visitors:
    """Refers patients and takes them up, several at a time, as fast as it is let."""

    def __init__(self, addresses: Mapping[str, str], keys: Keys, *, pause: float = 0.05, patience: float = PATIENCE):
        self._addresses = addresses
        self._tokens = {
            "scheduler": keys.token(Role.SCHEDULER, "scheduler-1", [facility_id(PAIN_CLINIC)]),
            "referrer": keys.token(Role.REFERRER, "referrer-1", [facility_id(ONCOLOGY)]),
            "coordinator": keys.token(Role.COORDINATOR, "coordinator-1", [facility_id(PAIN_CLINIC)]),
        }
        self._pause, self._patience = pause, patience
        self.visits: list[Visit] = []
        self.slowest = 0.0

    @asynccontextmanager
    async def at_work(self, many: int = 3) -> AsyncIterator[None]:
        """Let so many people work until the block ends; then let each finish what it has begun."""
        ending = asyncio.Event()
        async with httpx2.AsyncClient(timeout=10) as client, asyncio.TaskGroup() as tasks:
            await self._directory_is_heard(client)
            for _ in range(many):
                tasks.create_task(self._work(client, ending))
            try:
                yield
            finally:
                ending.set()

    async def come(self, patients: int) -> None:
        """Refer so many patients and take them up, one after the other."""
        async with httpx2.AsyncClient(timeout=10) as client:
            await self._directory_is_heard(client)
            for _ in range(patients):
                await self._visit(client)
                await asyncio.sleep(self._pause)

    def history(self) -> list[dict[str, Any]]:
        """What the checker reads."""
        return [asdict(visit) for visit in self.visits]

    async def _directory_is_heard(self, client: httpx2.AsyncClient) -> None:
        """Wait until the referral service knows the facilities: they come by event, a moment after it is ready."""
        headers = {"Authorization": f"Bearer {self._tokens['referrer']}"}
        async with asyncio.timeout(self._patience):
            while True:
                try:
                    answer = await client.get(f"{self._addresses['referral']}/facilities", headers=headers)
                    if answer.is_success and {ONCOLOGY, PAIN_CLINIC} <= {one["code"] for one in answer.json()}:
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.2)

    async def _work(self, client: httpx2.AsyncClient, ending: asyncio.Event) -> None:
        while not ending.is_set():
            await self._visit(client)
            await asyncio.sleep(self._pause)

    async def _visit(self, client: httpx2.AsyncClient) -> None:
        visit = Visit(str(uuid4()))
        self.visits.append(visit)
        body = {
            "patient": {
                "identifiers": [{"system": "urn:mrn", "value": visit.identifier}],
                "family": "Doe",
                "given": ["Jane"],
                "birth_date": "1950-03-04",
            },
            "to": PAIN_CLINIC,
            "setting": "outpatient",
            "reason_code": "refractory-cancer-pain",
            "facts": [
                {"kind": "diagnosis", "display": "Pancreatic cancer", "current": True, "on": "2026-06-01"},
                {"kind": "pain_score", "value": 7, "unit": "{score}", "on": "2026-11-20"},
            ],
        }
        address = self._addresses["referral"]
        shown = await self._do(client, visit, "create", "referrer", f"{address}/referrals", body)
        if shown is None:
            return
        visit.referral, visit.journey = shown["id"], shown["journey"]
        acts: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("send", "referrer", {}),
            ("receive", "coordinator", {}),
            ("accept", "coordinator", {"urgency": "routine", "override_reason": "seen in person"}),
        )
        for action, who, command in acts:
            path = f"{address}/referrals/{visit.referral}/{action}"
            if await self._do(client, visit, action, who, path, command) is None:
                return
        if len(self.visits) % BOOKED == 0:
            await self._book(client, visit)

    async def _book(self, client: httpx2.AsyncClient, visit: Visit) -> None:
        """Book the assessment into the first free time; when it is taken meanwhile, the next is tried."""
        for _ in range(20):
            wanted = await self._read(client, "/appointments", journey=visit.journey, state="requested")
            if wanted and wanted["items"]:
                path = f"/appointments/{wanted['items'][0]['id']}"
                free = await self._read(client, f"{path}/slots", minutes=60, days=60, most=1)
                if not free or not free["slots"]:
                    return
                slot = {name: free["slots"][0][name] for name in ("starts_at", "minutes", "resources")}
                address = self._addresses["scheduling"]
                shown = await self._do(client, visit, "book", "scheduler", f"{address}{path}/book", slot)
                if shown is not None or visit.unknown or visit.refused:
                    visit.booked = shown["id"] if shown is not None else None
                    return
            await asyncio.sleep(0.3)

    async def _read(self, client: httpx2.AsyncClient, path: str, **query: Any) -> Any:
        """What a scheduler reads, or nothing when nobody answers just now."""
        headers = {"Authorization": f"Bearer {self._tokens['scheduler']}"}
        try:
            answer = await client.get(self._addresses["scheduling"] + path, params=query, headers=headers)
        except httpx2.TransportError:
            return None
        return answer.json() if answer.is_success else None

    async def _do(
        self, client: httpx2.AsyncClient, visit: Visit, step: str, who: str, path: str, body: Mapping[str, Any]
    ) -> Any:
        headers = {
            "Authorization": f"Bearer {self._tokens[who]}",
            "Idempotency-Key": str(uuid4()),
            **({"If-Match": "*"} if step != "create" else {}),
        }
        began = time.monotonic()
        while True:
            try:
                answer = await client.post(path, json=body, headers=headers)
                if answer.is_success:
                    if step in STEPS:
                        visit.done.append(step)
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    return answer.json()
                if answer.status_code == 409 and step == "book":
                    return None
                visit.failures += answer.status_code == 500
                if answer.status_code not in {409, 500, 502, 503, 504}:
                    visit.refused = f"{step}: {answer.status_code} {answer.text[:300]}"
                    return None
            except httpx2.TransportError:
                pass
            if time.monotonic() - began > self._patience:
                visit.unknown = step
                return None
            visit.repeats += 1
            await asyncio.sleep(0.2)
