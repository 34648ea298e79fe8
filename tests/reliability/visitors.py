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


class Visitors:
    """Refers patients and takes them up, several at a time, as fast as it is let."""

    def __init__(self, addresses: Mapping[str, str], keys: Keys, *, pause: float = 0.05, patience: float = PATIENCE):
        self._address = addresses["referral"]
        self._tokens = {
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
        async with httpx2.AsyncClient(base_url=self._address, timeout=10) as client, asyncio.TaskGroup() as tasks:
            for _ in range(many):
                tasks.create_task(self._work(client, ending))
            try:
                yield
            finally:
                ending.set()

    def history(self) -> list[dict[str, Any]]:
        """What the checker reads."""
        return [asdict(visit) for visit in self.visits]

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
        shown = await self._do(client, visit, "create", "referrer", "/referrals", body)
        if shown is None:
            return
        visit.referral, visit.journey = shown["id"], shown["journey"]
        acts: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("send", "referrer", {}),
            ("receive", "coordinator", {}),
            ("accept", "coordinator", {"urgency": "routine", "override_reason": "seen in person"}),
        )
        for action, who, command in acts:
            if await self._do(client, visit, action, who, f"/referrals/{visit.referral}/{action}", command) is None:
                return

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
                    visit.done.append(step)
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    return answer.json()
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
