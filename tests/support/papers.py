"""The installation on paper: things, lists and answers in memory behind the real client, for pure tests of people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx2

from reliefpath.vocabulary import Role
from reliefpath_client import Client, Development, Followup, Operations, Referral, Scheduling
from simulator.case import Case
from simulator.cast import Cast, Staff
from simulator.directory import HOME_EAST, HOME_WEST, PAIN_CENTRE, PAIN_CLINIC
from simulator.network import SERVICES, Network
from simulator.patients import generate
from simulator.people import Apis, Person, Shown, Thing
from simulator.pictures import RECTUM
from simulator.play import Look, Part, Stage, WentWrong

T = TypeVar("T")

JOURNEY = str(UUID(int=7))
BEGIN = datetime(2026, 11, 23, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    """What somebody sent: by whom (the token), where to, and what it said."""

    who: str
    method: str
    path: str
    body: Any
    query: Mapping[str, str]
    version: str | None


def path_of(thing: Thing) -> str:
    """Where a thing's service shows it."""
    kept_by: dict[str, type[Client]] = {"referral": Referral, "scheduling": Scheduling, "followup": Followup}
    return kept_by[thing.service].OPERATIONS[thing.kind].path.format(id=thing.id)


def offers(*actions: str, unmet: Mapping[str, list[Shown]] | None = None, **more: Any) -> Shown:
    """A thing that offers these actions; `unmet` holds what stands against some of them."""
    listed = [{"action": one, "unmet": (unmet or {}).get(one, [])} for one in actions]
    return {"version": 1, "allowed_actions": listed, **more}


@dataclass
class Papers:
    """All services on one sheet. A POST to a thing's action answers with the thing, one version on."""

    things: dict[str, Shown] = field(default_factory=dict)
    lists: dict[str, list[Shown]] = field(default_factory=dict)
    answers: dict[str, Callable[[Any], Mapping[str, object] | httpx2.Response]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def person(self, role: Role, name: str = "") -> Person:
        """Somebody who meets only these papers."""
        subject = name or role.value
        transport = httpx2.MockTransport(self._answer)
        apis = Apis(
            Referral("http://referral", subject, transport=transport),
            Scheduling("http://scheduling", subject, transport=transport),
            Followup("http://followup", subject, transport=transport),
            Operations("http://operations", subject, transport=transport),
            {one: Development(f"http://{one}", subject, transport=transport) for one in SERVICES},
        )
        return Person(role, subject, apis)

    def actions(self) -> list[tuple[str, str]]:
        """Who took which action, in order."""
        return [(one.who, one.path.rpartition("/")[2]) for one in self.sent if one.method == "POST"]

    def body(self, ending: str) -> Any:
        """What the last message said that was sent to an address with this ending."""
        return [one.body for one in self.sent if one.path.endswith(ending)][-1]

    def case(self, at: str = PAIN_CLINIC) -> Case:
        """A case at a pain service, cared for by people who meet only these papers."""
        case = Case("SIM-X-01", generate(1, 1, RECTUM), self.cast(), PaperStage(), "X", at=at)
        case.referral, case.journey = "r", JOURNEY
        case.__dict__["person"] = self.person(Role.PATIENT)
        return case

    def cast(self) -> Cast:
        """Everybody, on paper."""
        staff = {
            code: Staff(
                code,
                self.person(Role.COORDINATOR),
                self.person(Role.CLINICIAN),
                self.person(Role.SCHEDULER),
            )
            for code in (PAIN_CLINIC, PAIN_CENTRE)
        }
        nurses = {code: self.person(Role.HOME_NURSE, code) for code in (HOME_EAST, HOME_WEST)}
        nobody: Any = Network
        return Cast(nobody, self.person(Role.OPERATIONS), self.person(Role.REFERRER), staff, nurses)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else None
        who = request.headers["authorization"].removeprefix("Bearer ")
        query = dict(request.url.params)
        self.sent.append(Sent(who, request.method, path, body, query, request.headers.get("if-match")))
        if path in self.answers:
            given = self.answers[path](body)
            return given if isinstance(given, httpx2.Response) else httpx2.Response(200, json=given)
        if request.method == "GET" and path in self.things:
            return httpx2.Response(200, json=self.things[path])
        if request.method == "GET" and path in self.lists:
            return httpx2.Response(200, json={"items": self.lists[path], "next": None})
        thing = self.things.get(path.rpartition("/")[0])
        if request.method == "POST" and thing is not None:
            thing["version"] += 1
            return httpx2.Response(200, json=thing)
        return httpx2.Response(404, json={"title": "There is nothing here", "errors": []})


class PaperStage(Stage):
    """A stage on which what is waited for is there at once, or never."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self._now = now
        self.part = Part("on paper", _nothing)

    @property
    def now(self) -> datetime:
        """The time it is."""
        return self._now

    async def until(
        self, what: str, look: Look[T], *, not_after: datetime | None = None, not_before: datetime | None = None
    ) -> T:
        """What is seen at once, or at the time nobody looks before; else it is never seen."""
        self._now = max(self._now, not_before or self._now)
        seen = await look()
        if seen is None:
            raise WentWrong(f"It was not seen in time that {what}.")
        return seen

    def later(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by


async def _nothing(_: Stage) -> None:
    return None
