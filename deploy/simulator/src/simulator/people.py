"""People: each reads what the APIs show to them, and does only what they are offered."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, overload

from reliefpath.vocabulary import Role
from reliefpath_client import Client, Development, Followup, Operations, Referral, Refusal, Scheduling

STALE: Final = 412
READINGS: Final = 4
"""How often somebody reads again and decides again, when others changed a thing meanwhile."""

Shown = dict[str, Any]
"""What an API shows of a thing, whichever it is."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a service keeps: which service, what it is in the words of its operations, and its id."""

    service: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.id}"


class NotOffered(Exception):
    """Somebody wanted to do what the API does not offer them now."""


@dataclass(frozen=True)
class Apis:
    """All services, as one caller meets them; `development` is what each shows besides, by its name."""

    referral: Referral
    scheduling: Scheduling
    followup: Followup
    operations: Operations
    development: Mapping[str, Development]

    def of(self, service: str) -> Client:
        """A service's API, by the service's name."""
        found: Client = getattr(self, service)
        return found


Api = TypeVar("Api", bound=Client, contravariant=True)
Said = TypeVar("Said", contravariant=True)


class Action(Protocol[Api, Said]):
    """A client's method that does something to a thing and says more about it, on the version that was read."""

    def __call__(self, api: Api, id: str, body: Said, /, *, version: int) -> Awaitable[Mapping[str, object]]:
        """Do it; the thing as it is then. Raises Refusal, Unreachable."""


class Plain(Protocol[Api]):
    """One that says no more than what is done."""

    def __call__(self, api: Api, id: str, /, *, version: int) -> Awaitable[Mapping[str, object]]:
        """Do it; the thing as it is then. Raises Refusal, Unreachable."""


class Person:
    """Somebody with a token of one role, and the APIs that they call with it."""

    def __init__(self, role: Role, subject: str, apis: Apis) -> None:
        self.role, self.subject, self.apis = role, subject, apis
        self._on_screen: dict[Thing, Shown] = {}

    def __repr__(self) -> str:
        return f"Person({self.subject})"

    async def read(self, thing: Thing) -> Shown:
        """What this person is shown of a thing. Raises Refusal, Unreachable."""
        shown: Shown = await self.apis.of(thing.service).call(thing.kind, thing.id)
        self._on_screen[thing] = shown
        return shown

    @overload
    async def do(self, take: Plain[Api], thing: Thing) -> Shown: ...

    @overload
    async def do(self, take: Action[Api, Said], thing: Thing, body: Said) -> Shown: ...

    async def do(self, take: Any, thing: Thing, body: Any = None) -> Shown:
        """Find the action among those that are offered for a thing, and take it: `take` is the client's method for it.

        What is still on this person's screen is good enough to decide on, if it offers the action; else, and when
        others changed the thing meanwhile, they read it again. Raises NotOffered when the action is not offered, and
        Refusal with all reasons when it is refused all the same.
        """
        action = _action(take, thing)
        command: Mapping[str, object] = body or {}
        who = f"{self.subject} wants to {action} {thing}"
        shown = self._on_screen.pop(thing, None)
        if shown is None or stands_against(shown, action, command):
            shown = await self.read(thing)
        for reading in range(1, READINGS + 1):
            against = stands_against(shown, action, command)
            if against:
                raise NotOffered(f"{who}, but {against}")
            said = (thing.id,) if body is None else (thing.id, body)
            try:
                done: Shown = await take(self.apis.of(thing.service), *said, version=shown["version"])
            except Refusal as refusal:
                if refusal.status != STALE or reading == READINGS:
                    raise
                shown = await self.read(thing)
            else:
                self._on_screen[thing] = done
                return done
        raise NotOffered(f"{who}, but others change it all the time.")


def _action(take: Any, thing: Thing) -> str:
    """The action that a method takes, as it is offered: `Referral.referral_ask_information` takes ask-information."""
    kind, _, action = take.__name__.partition(f"{thing.kind}_")
    if kind or not action:
        raise TypeError(f"{take.__qualname__} is nothing that can be done to a {thing.kind}.")
    return str(action).replace("_", "-")


def stands_against(shown: Shown, action: str, command: Mapping[str, object]) -> str | None:
    """Why an action may not be taken on a thing as it is shown, in a sentence; None when it may.

    A finding that points into the command does not stand against it when the command says something there: that is what
    it asks for.
    """
    offered = {one["action"]: one for one in shown["allowed_actions"]}
    if action not in offered:
        return f"it is {shown.get('state', 'as it is')} and offers only: {', '.join(offered) or 'nothing'}."
    unmet = [one for one in offered[action]["unmet"] if not _is_answered(one.get("pointer"), command)]
    return " ".join(f"{one['message']} {one['satisfy']}" for one in unmet) or None


def _is_answered(pointer: str | None, command: Mapping[str, object]) -> bool:
    return bool(pointer) and command.get(str(pointer).split("/")[1]) is not None
