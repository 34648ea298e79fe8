"""People: each reads what the APIs show to them, and does only what they are offered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backbone.client import Client, Refusal
from reliefpath.vocabulary import Role

STALE: Final = 412
READINGS: Final = 4
"""How often somebody reads again and decides again, when others changed a thing meanwhile."""

Shown = dict[str, Any]
"""What an API shows of a thing."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something with an address: which service keeps it, in which collection, under which id."""

    service: str
    collection: str
    id: str

    @property
    def path(self) -> str:
        """Where its service shows it."""
        return f"/{self.collection}/{self.id}"


class NotOffered(Exception):
    """Somebody wanted to do what the API does not offer them now."""


class Person:
    """Somebody with a token of one role."""

    def __init__(self, role: Role, subject: str, clients: Mapping[str, Client]) -> None:
        self.role, self.subject = role, subject
        self._clients = clients
        self._on_screen: dict[Thing, Shown] = {}

    def __repr__(self) -> str:
        return f"Person({self.subject})"

    async def read(self, thing: Thing) -> Shown:
        """What this person is shown of a thing. Raises Refusal, Unreachable."""
        shown: Shown = await self.get(thing.service, thing.path)
        self._on_screen[thing] = shown
        return shown

    async def get(self, service: str, path: str, **query: Any) -> Any:
        """What is at an address of a service. Raises Refusal, Unreachable."""
        return await self._clients[service].get(path, **query)

    async def listed(self, service: str, path: str, **query: Any) -> AsyncIterator[Shown]:
        """Every item of a list, page after page. Raises Refusal, Unreachable."""
        cursor = None
        while True:
            page = await self.get(service, path, cursor=cursor, limit=200, **query)
            for item in page["items"]:
                yield item
            cursor = page.get("next")
            if not cursor:
                return

    async def do(self, action: str, thing: Thing, **command: Any) -> Shown:
        """Find the action among those that are offered for a thing, and take it.

        What is still on this person's screen is good enough to decide on, if it offers the action; else, and when
        others changed the thing meanwhile, they read it again. Raises NotOffered when the action is not offered, and
        Refusal with all reasons when it is refused all the same.
        """
        who = f"{self.subject} wants to {action} {thing.path}"
        shown = self._on_screen.pop(thing, None)
        if shown is None or stands_against(shown, action, command):
            shown = await self.read(thing)
        for reading in range(1, READINGS + 1):
            against = stands_against(shown, action, command)
            if against:
                raise NotOffered(f"{who}, but {against}")
            path = f"{thing.path}/{action}"
            try:
                done = await self.send(thing.service, path, command, version=shown["version"])
            except Refusal as refusal:
                if refusal.status != STALE or reading == READINGS:
                    raise
                shown = await self.read(thing)
            else:
                self._on_screen[thing] = done
                return done
        raise NotOffered(f"{who}, but others change it all the time.")

    async def send(
        self, service: str, path: str, body: Mapping[str, Any], *, version: int | None = None, **query: Any
    ) -> Shown:
        """Make something new at an address. Raises Refusal, Unreachable."""
        shown: Shown = await self._clients[service].post(path, body, version=version, **query)
        return shown

    async def hand_in(self, service: str, path: str, content: bytes, media_type: str, **query: Any) -> Shown:
        """Hand in a document as it is. Raises Refusal, Unreachable."""
        shown: Shown = await self._clients[service].post(
            path, content=content, headers={"Content-Type": media_type}, **query
        )
        return shown

    async def put(self, service: str, path: str, body: Mapping[str, Any], *, version: int | None = None) -> Shown:
        """Put something at an address. Raises Refusal, Unreachable."""
        shown: Shown = await self._clients[service].put(path, body, version=version)
        return shown


def stands_against(shown: Shown, action: str, command: Mapping[str, Any]) -> str | None:
    """Why an action may not be taken on a thing as it is shown, in a sentence; None when it may.

    A finding that points into the command does not stand against it when the command says something there: that is what
    it asks for.
    """
    offered = {one["action"]: one for one in shown["allowed_actions"]}
    if action not in offered:
        return f"it is {shown.get('state', 'as it is')} and offers only: {', '.join(offered) or 'nothing'}."
    unmet = [one for one in offered[action]["unmet"] if not _is_answered(one.get("pointer"), command)]
    return " ".join(f"{one['message']} {one['satisfy']}" for one in unmet) or None


def _is_answered(pointer: str | None, command: Mapping[str, Any]) -> bool:
    return bool(pointer) and command.get(str(pointer).split("/")[1]) is not None
