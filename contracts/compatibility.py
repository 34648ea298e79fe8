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
from contracts.cards import HERE, lifecycles
from contracts.lifecycle_changes import lifecycle_changed
from contracts.reasons import PLACE, reasons_changed
from contracts.schema_changes import Between, Change, Way, changed
from contracts.topic_changes import topics_changed

RELEASED: Final = HERE / "released"
TOPICS: Final = "asyncapi.json"
REASONS: Final = PLACE
NEW_VERSION: Final = (
    "Leave v1 as it was released and say the change as v2 beside it, with an upcaster from v1 (docs/integrators.md)."
)
NEW_CODE: Final = "Go on giving it, and give a new one beside it where it does not fit."
NEW_ACTION: Final = "Leave it as it was released and offer the change as another action beside it."
NEW_OPERATION: Final = "Leave it as it was released and offer the change under another operation beside it."
REPAIR: Final = "Run `make contracts`, or restore what was released."
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
    return [
        breach
        for pattern, kind in KINDS.items()
        for path in sorted(released.glob(pattern))
        for breach in _broken(path.relative_to(released), released, present, kind)
    ]


def lost(released: Path = RELEASED) -> list[Breach]:
    """What was released and is not kept any more: without it nothing could be compared."""
    names = [TOPICS, REASONS, *(f"openapi/{service}.json" for service in SERVICES)]
    names += [f"lifecycles/{name}.json" for name in lifecycles()]
    if (released / TOPICS).is_file():
        messages = _read(released / TOPICS)["components"]["messages"].values()
        names += [f"events/{one['name']}.json" for one in messages]
    return [
        Breach(f"{released.name}/{name}", "what was released is not kept", RESTORE)
        for name in names
        if not (released / name).is_file()
    ]


def release(present: Path = HERE, released: Path = RELEASED) -> None:
    """Make the present contracts the released ones, and nothing but them."""
    shutil.rmtree(released, ignore_errors=True)
    for path in (path for pattern in KINDS for path in present.glob(pattern)):
        kept = released / path.relative_to(present)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kept)


def event_changed(before: Any, after: Any) -> Iterator[Change]:
    """The breaking differences of an event's schemas: for readers of those that will come, and of those there are."""
    for_readers = list(changed(before, after, Between(before, after, Way.OUT)))
    named = {where for where, _ in for_readers}
    yield from for_readers
    for where, what in changed(before, after, Between(before, after, Way.IN)):
        if where not in named:
            yield where, f"{what}, and what is on the topics already would not be read any more"


def _broken(place: Path, released: Path, present: Path, kind: Kind) -> Iterator[Breach]:
    if not (present / place).is_file():
        yield Breach(str(place), kind.gone, kind.way_out)
    elif (released / place).read_bytes() != (present / place).read_bytes():
        try:
            found = list(kind.compare(_read(released / place), _read(present / place)))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            yield Breach(str(place), f"it cannot be compared ({type(error).__name__}: {error})", REPAIR)
        else:
            yield from (Breach(f"{place}#{where}", what, kind.way_out) for where, what in found)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of contract: how two of it are compared, and what is said when one is gone or breaks a promise."""

    compare: Callable[[Any, Any], Iterable[Change]]
    gone: str
    way_out: str


KINDS: Final = {
    "events/*.json": Kind(event_changed, "the event is gone", NEW_VERSION),
    "openapi/*.json": Kind(api_changed, "the API is gone", NEW_OPERATION),
    "lifecycles/*.json": Kind(lifecycle_changed, "the lifecycle is gone", NEW_ACTION),
    TOPICS: Kind(topics_changed, "the topics' contract is gone", NEW_VERSION),
    REASONS: Kind(reasons_changed, "the list of reasons is gone", NEW_CODE),
}
"""By which files there are of it."""
