"""Topics are not ordered against each other: whichever of two related events comes first, the same rows stand in the
end, and nothing is left waiting.

The pairs are read off the code: every event whose reaction may wait, with every event that it may wait for.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import typing
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from backbone.messages import Incoming
from backbone.service import SERVICES, card_of
from reliefpath import events
from reliefpath.events import Event
from reliefpath.vocabulary import CourseKind
from stack.keys import Keys
from tests.support import awaiting
from tests.support.awaiting import awaited_by
from tests.support.referral import Place

PAIRS: Final = [
    (service, awaited, waiting)
    for service in SERVICES
    for waiting, names in awaited_by(service).items()
    for awaited in sorted(names, key=lambda one: one.__name__)
]


@dataclass(frozen=True)
class World:
    """A service in which the awaited event may come next, and the ids of what both events are about."""

    place: Place
    journey: UUID
    about: dict[str, Any]

    def event(self, cls: type[Event]) -> Event:
        """An event of this type about this world; what it does not tell is taken by the type of the field."""
        return cls.model_validate(
            {name: self.about.get(name, _anything(field.annotation)) for name, field in cls.model_fields.items()}
        )

    async def standing(self) -> dict[str, Counter[str]]:
        """Every row of the service: what differs from run to run (ids, times, traces) is named by its kind."""
        query = (
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables WHERE table_type ="
            " 'BASE TABLE' AND table_schema IN ('public', 'backbone') AND table_name !~ '^(outbox_.*|alembic.*)$'"
        )
        tables = {row["name"] for row in await self.place.rows(query)} - OWN
        return {table: Counter(map(self._told, await self.place.rows(f"SELECT * FROM {table}"))) for table in tables}

    def _told(self, row: dict[str, Any]) -> str:
        kept = {name: value for name, value in row.items() if name not in COUNTED}
        told = json.dumps(kept, default=lambda value: value.decode() if isinstance(value, bytes) else str(value))
        for name, known in (("journey", self.journey), *self.about.items()):
            told = told.replace(str(known), name) if isinstance(known, UUID) else told
        for pattern, kind in VARYING:
            told = pattern.sub(kind, told)
        return told


OWN: Final = {"backbone.held", "backbone.cursors", "backbone.idempotency"}
"""What tells of the way that was gone, not of where it led: who waited, what the relay sent, what the test asked."""

COUNTED: Final = {"id", "xid", "bucket"}
"""Numbers that a database deals out."""

VARYING: Final = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "an id"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "a time"),
    (re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01"), "a trace"),
]


def _anything(kind: Any) -> Any:
    """A value of this type; of several types, of the first."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind in PLAIN:
        return PLAIN[kind]
    assert typing.get_args(kind), f"say what a {kind} may be"
    return _anything(typing.get_args(kind)[0])


PLAIN: Final[dict[Any, Any]] = {UUID: UUID(int=7), datetime: datetime.now(UTC), int: 3, float: 3.0, str: "ill"}


async def _course_with_its_time(place: Place, kind: CourseKind) -> World:
    """A course of the referral service that was booked and not yet done."""
    referral = (await place.active())["id"]
    course = await place.asked(referral, kind, {CourseKind.TRIAL: "PNB", CourseKind.TREATMENT: "VAUG"}[kind])
    appointment = await place.booked(course)
    about = {**place.about(course, appointment), "kind": kind, "trial": uuid4()}
    return World(place, UUID(course["journey"]), about)


WORLDS: Final[dict[tuple[str, type[Event]], Callable[[Place, CourseKind], Any]]] = {
    ("referral", events.AppointmentFulfilled): _course_with_its_time,
}
"""Per service and awaited event: how it comes that the event may be next."""


@asynccontextmanager
async def _serving(service: str, address: str, keys: Keys) -> AsyncIterator[Place]:
    """A service over an emptied database."""
    async with importlib.import_module(f"tests.support.{service}").serving(address, keys) as place:
        yield place


def test_every_reaction_that_may_wait_has_a_world_to_be_tried_in() -> None:
    assert {(service, awaited) for service, awaited, _ in PAIRS} == set(WORLDS)


def test_every_place_where_something_waits_is_reached_from_a_reaction() -> None:
    for service in SERVICES:
        package = Path(importlib.import_module(service).__file__ or "").parent
        there = sum(len(list(awaiting.waits(ast.parse(path.read_text())))) for path in package.rglob("*.py"))
        functions = {one for begin in card_of(service).reactions.values() for one in awaiting.reached(begin)}
        found = sum(len(list(awaiting.waits(awaiting._source(one)))) for one in functions)
        assert found == there, f"{service}: a wait that no pair is derived from"


def _name(pair: tuple[str, type[Event], type[Event]]) -> str:
    return f"{pair[0]}-{pair[2].__name__}-waits-for-{pair[1].__name__}"


@pytest.mark.parametrize("together", [True, False], ids=["at-once", "apart"])
@pytest.mark.parametrize("pair", PAIRS, ids=_name)
async def test_a_pair_of_related_events_leads_to_the_same_rows_in_both_orders(
    database: Callable[[str], str], keys: Keys, pair: tuple[str, type[Event], type[Event]], together: bool
) -> None:
    service, awaited, waiting = pair
    waited = False
    for kind in CourseKind:
        ends = []
        for order in ((awaited, waiting), (waiting, awaited)):
            async with _serving(service, database(service), keys) as place:
                world = await WORLDS[service, awaited](place, kind)
                messages: list[Incoming] = [place.message(world.event(one), world.journey) for one in order]
                for batch in [messages] if together else [[one] for one in messages]:
                    await place.take(*batch)
                held = await place.rows("SELECT status FROM backbone.held")
                assert {row["status"] for row in held} <= {"resolved"}, f"{waiting.__name__} was left behind"
                if order[0] is waiting:
                    waited |= bool(held)
                else:
                    assert held == [], "it waits for what has come"
                ends.append(await world.standing())
        assert ends[0] == ends[1]
    assert waited, f"{waiting.__name__} waits for {awaited.__name__} in no world: its pair proves nothing"
