"""The examples: events as they are on a topic, stories that say and hear them, and what is answered to a story.

`examples/events/{type}[.{variant}].json` is one event. `examples/stories/{service}/{name}.json` is one story: requests
made to a service, events it hears, time that passes, and what it says upon each. Both are written by hand, and the
tests play every story on the service itself, so an event's example is one that a real command says and that every
reaction to it understands. `examples/answers/{service}/{operation}.{status}.json` is one successful answer as it was
given when a story was played, which the tests hold against the answer that is given whenever it is; and
`examples/answers/{service}/{problem}.{status}.json` is one refusal, of each type of problem that a story meets.

What happens to every service alike is one story, `examples/stories/every/{name}.json`, which is played on each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from backbone.contract import problem_types
from backbone.problems import Invalid
from contracts.cards import HERE
from reliefpath.events import CATALOGUE, Event

EXAMPLES: Final = HERE / "examples"
ANSWERS: Final = EXAMPLES / "answers"
EVERY: Final = "every"


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
    """One step of a story: a request, an event that is heard, time that passes, or a topic that is lost.

    `do`, `hear`, `wait` or `lose` says which; a topic is lost when it is made anew under its consumer. `do` is the id
    of an operation, `path` its parameters, `by` who makes the request; what needs no token is asked by nobody.
    `headers` are those that a careful caller would send otherwise, or not at all; a `body` that is text is sent as it
    is. `shows` is part of the answer; `refused` is the problem that is answered instead of `status`. `says` names the
    examples of all events that the service says upon this step, in their order. `wait` is an ISO 8601 duration.
    `becomes` says what becomes of what is heard, or of the deadlines that come: something fails or has gone astray,
    unless it is an `effect`. `of` is the service that this happens to, when it is another than the story's own.
    """

    about: str = ""
    do: str | None = None
    hear: str | None = None
    wait: str | None = None
    lose: str | None = None
    becomes: Literal["effect", "parked", "missing", "behind", "dead_letter"] = "effect"
    by: Caller | None = None
    path: dict[str, str] = {}
    query: dict[str, str] = {}
    headers: dict[str, str | None] = {}
    body: dict[str, Any] | str | None = None
    status: int = 200
    refused: str | None = None
    shows: dict[str, Any] | None = None
    says: tuple[str, ...] = ()
    of: str | None = None

    @property
    def answered(self) -> int:
        """The status of the answer."""
        return problem_types()[self.refused][0] if self.refused else self.status


class Story(_Read):
    """What happens to one patient, seen by one service. `at` is when it begins.

    One that is played on every service may use words in braces, which `on` puts into each service's own.
    """

    about: str
    at: str
    on: dict[str, dict[str, str]] = {}
    steps: tuple[Step, ...]

    @property
    def tells_of_all(self) -> bool:
        """Whether it happens to more than one service: then all of them are there."""
        return any(step.of for step in self.steps)


class Request(_Read):
    """An example of a request, for the operation's description."""

    name: str
    about: str
    body: dict[str, Any] | None


class Answer(_Read):
    """An answer that is kept as an example: to which step of which story it is given.

    `to` is the operation that it is given by, or the type of problem that it is.
    """

    service: str
    to: str
    status: int
    story: str
    number: int
    about: str

    @property
    def name(self) -> str:
        """The example's name: that of its request, as the two belong together."""
        return f"{self.story}-{self.number}"

    @property
    def place(self) -> Path:
        """Where it is recorded, as seen from `examples/answers/`."""
        return Path(self.service) / f"{self.to}.{self.status}.json"


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
        (service, path.stem): story
        for path in sorted((EXAMPLES / "stories").glob("*/*.json"))
        for service, story in _told(path.parent.name, path.read_text())
    }


def _told(service: str, text: str) -> Iterator[tuple[str, Story]]:
    """A story by the services that it is played on."""
    story = Story.model_validate_json(text)
    for one, words in story.on.items() if service == EVERY else [(service, {})]:
        own = text
        for word, meaning in words.items():
            own = own.replace("{" + word + "}", meaning)
        yield one, Story.model_validate_json(own)


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


def requests_of(operation: str, service: str) -> list[Request]:
    """The requests that stories make of one operation, each body once; first those that are done.

    Of them, those come first that say what they are about. They are those of the service's own stories, or else of
    others', where the same operation is the same there. One that is answered with another status is another request:
    its answer's example needs the one it belongs to. What does not keep its contract is no example of it.
    """
    asked = [
        (of, step.answered, Request(name=f"{name}-{number}", about=about, body=step.body))
        for of, name, number, about, step in _asked()
        if step.do == operation and not isinstance(step.body, str) and step.refused != Invalid.code
    ]
    found = sorted([one for one in asked if one[0] == service] or asked, key=lambda one: one[1] >= 400)
    return list({(status, json.dumps(one.body)): one for _, status, one in reversed(found)}.values())[::-1]


@cache
def answers() -> list[Answer]:
    """The answers that are kept: of each operation the first of each successful status, as requests are ordered.

    Of each problem, too, it is the first.
    """
    found = [
        Answer(service=service, to=to, status=step.answered, story=name, number=number, about=about)
        for service, name, number, about, step in _asked()
        if (to := step.refused or step.do)
    ]
    return list({one.place: one for one in reversed(found)}.values())[::-1]


def recorded(answer: Answer, folder: Path = ANSWERS) -> Any:
    """What was answered. Raises FileNotFoundError where nothing was recorded yet."""
    return json.loads((folder / answer.place).read_text(encoding="utf-8"))


def record(answer: Answer, body: Any, folder: Path = ANSWERS) -> None:
    """Write down what was answered."""
    (folder / answer.place).parent.mkdir(parents=True, exist_ok=True)
    (folder / answer.place).write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def unrecorded(folder: Path = ANSWERS) -> list[Path]:
    """The answers that stories get and nobody has recorded."""
    return sorted(one.place for one in answers() if not (folder / one.place).is_file())


def left_over(folder: Path = ANSWERS) -> list[Path]:
    """The recorded answers that no story gets any more."""
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return sorted(there - {one.place for one in answers()})


def _asked() -> Iterator[tuple[str, str, int, str, Step]]:
    """Every step of a story by its own service, story and number; first those that say what they are about."""
    for told in (True, False):
        for (service, name), story in stories().items():
            for number, step in enumerate(story.steps, 1):
                if bool(step.about) is told and step.of is None:
                    yield service, name, number, step.about or story.about, step
