"""The examples, written by hand: events as they are on a topic, and stories that say and hear them.

`examples/events/{type}[.{variant}].json` is one event. `examples/stories/{service}/{name}.json` is one story: requests
made to a service, events it hears, time that passes, and what it says upon each. The tests play every story on the
service itself, so an event's example is one that a real command says and that every reaction to it understands.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from contracts.cards import HERE
from reliefpath.events import CATALOGUE, Event

EXAMPLES: Final = HERE / "examples"


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Said(_Read):
    """An event as it is on its topic: its headers as text, and its data."""

    about: str = ""
    headers: dict[str, str]
    data: dict[str, Any]


class Caller(_Read):
    """Who makes a request: a role, a subject without a name, and facilities by their codes (`*` is the network).

    A patient speaks for one `journey`.
    """

    role: str
    subject: str = "7c1e"
    facilities: tuple[str, ...] = ()
    journey: str | None = None


class Step(_Read):
    """One step of a story: a request is made (`do`), an event is heard (`hear`), or time passes (`wait`).

    `do` is the id of an operation, `path` its parameters. `shows` is part of the answer. `says` names the examples of
    all events that the service says upon this step, in their order. `wait` is an ISO 8601 duration.
    """

    about: str = ""
    do: str | None = None
    hear: str | None = None
    wait: str | None = None
    by: Caller | None = None
    path: dict[str, str] = {}
    query: dict[str, str] = {}
    body: dict[str, Any] | None = None
    status: int | None = None
    shows: dict[str, Any] = {}
    says: tuple[str, ...] = ()


class Story(_Read):
    """What happens to one patient, seen by one service. `at` is when it begins."""

    about: str
    at: str
    steps: tuple[Step, ...]


class Request(_Read):
    """An example of a request, for the operation's description."""

    name: str
    about: str
    body: dict[str, Any] | None


@cache
def said() -> dict[str, Said]:
    """Every event's examples, by their names: the type, and perhaps a variant."""
    return {
        path.stem: Said.model_validate_json(path.read_text()) for path in sorted((EXAMPLES / "events").glob("*.json"))
    }


@cache
def stories() -> dict[tuple[str, str], Story]:
    """Every story, by its service and its name."""
    return {
        (path.parent.name, path.stem): Story.model_validate_json(path.read_text())
        for path in sorted((EXAMPLES / "stories").glob("*/*.json"))
    }


def type_of(name: str) -> str:
    """The event type of an example: its name without the variant. Raises KeyError for a type that does not exist."""
    parts = name.split(".")
    type_ = ".".join(parts[:4])
    if type_ not in CATALOGUE:
        raise KeyError(f"{name} is an example of no event")
    return type_


def examples_of(event: type[Event]) -> list[Said]:
    """The examples of one event."""
    return [one for name, one in said().items() if type_of(name) == event.type]


def requests_of(operation: str) -> list[Request]:
    """The requests that stories make of one operation, each body once; those that say what they are about first."""
    found = [
        Request(name=f"{name}-{number}", about=step.about or story.about, body=step.body)
        for told in (True, False)
        for (_, name), story in stories().items()
        for number, step in enumerate(story.steps, 1)
        if step.do == operation and bool(step.about) is told
    ]
    return list({json.dumps(one.body): one for one in reversed(found)}.values())[::-1]
