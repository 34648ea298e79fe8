"""Whether those who read the released contracts can go on with the present ones.

An event goes from us to readers, and stays on its topic for ever: what was said once must be readable by the present
contract, too. A request goes from callers to us; an answer goes as an event does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backbone.service import SERVICES
from contracts.api_changes import api_changed
from contracts.cards import HERE
from contracts.reasons import PLACE, reasons_changed
from contracts.schema_changes import Between, Change, Way, changed
from contracts.topic_changes import topics_changed

RELEASED: Final = HERE / "released"
KEPT: Final = ("openapi", "events")
TOPICS: Final = "asyncapi.json"
REASONS: Final = PLACE
NEW_VERSION: Final = (
    "Leave v1 as it was released and say the change as v2 beside it, with an upcaster from v1 (docs/integrators.md)."
)
NEW_CODE: Final = "Go on giving it, and give a new one beside it where it does not fit."
NEW_OPERATION: Final = "Leave it as it was released and offer the change under another operation beside it."
RESTORE: Final = "What was promised is taken back by nobody: restore the file."


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that would not be kept: where, what changed, and the way out."""

    place: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.way_out}"


def breaches(released: Path = RELEASED, present: Path = HERE) -> list[Breach]:
    """Every released promise that the present contracts would break."""
    found: list[Breach] = []
    for path in sorted(released.glob("events/*.json")):
        found += _between(path, present, released, event_changed, "the event is gone", NEW_VERSION)
    for path in sorted(released.glob("openapi/*.json")):
        found += _between(path, present, released, api_changed, "the API is gone", NEW_OPERATION)
    for path in released.glob(TOPICS):
        found += _between(path, present, released, topics_changed, "the topics' contract is gone", NEW_VERSION)
    for path in released.glob(REASONS):
        found += _between(path, present, released, reasons_changed, "the list of reasons is gone", NEW_CODE)
    return found


def lost(released: Path = RELEASED) -> list[Breach]:
    """What was released and is not kept any more: without it nothing could be compared."""
    names = [TOPICS, REASONS, *(f"openapi/{service}.json" for service in SERVICES)]
    if (released / TOPICS).is_file():
        messages = _read(released / TOPICS)["components"]["messages"].values()
        names += [f"events/{one['name']}.json" for one in messages]
    return [
        Breach(f"{released.name}/{name}", "what was released is not kept", RESTORE)
        for name in names
        if not (released / name).is_file()
    ]


def release(present: Path = HERE, released: Path = RELEASED) -> None:
    """Make the present contracts the released ones."""
    for name in KEPT:
        shutil.rmtree(released / name, ignore_errors=True)
        shutil.copytree(present / name, released / name, ignore=shutil.ignore_patterns("*.md"))
    for name in (TOPICS, REASONS):
        shutil.copy(present / name, released / name)


def event_changed(before: Any, after: Any) -> Iterator[Change]:
    """The breaking differences of an event's schemas: for readers of those that will come, and of those there are."""
    for_readers = list(changed(before, after, Between(before, after, Way.OUT)))
    named = {where for where, _ in for_readers}
    yield from for_readers
    for where, what in changed(before, after, Between(before, after, Way.IN)):
        if where not in named:
            yield where, f"{what}, and what is on the topics already would not be read any more"


Comparison = Callable[[Any, Any], Iterable[Change]]


def _between(
    path: Path, present: Path, released: Path, compare: Comparison, gone: str, way_out: str
) -> Iterator[Breach]:
    place = path.relative_to(released)
    if not (present / place).is_file():
        yield Breach(str(place), gone, way_out)
        return
    if path.read_bytes() == (present / place).read_bytes():
        return
    for where, what in compare(_read(path), _read(present / place)):
        yield Breach(f"{place}#{where}", what, way_out)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
