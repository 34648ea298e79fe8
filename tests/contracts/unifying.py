"""Whether what is there is what an example says, when ids are called differently and times are counted from another.

What no two plays have in common is an id that a service gave, a trace, a time to the second, what was counted until
now, and a place in the feed; all else is the same in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from backbone.paging import decode_cursor, encode_cursor
from backbone.problems import Invalid

CLOSE: Final = timedelta(minutes=2)
"""So far apart two times may be: a story is played in real time on a shifted clock."""

COUNTED: Final = frozenset({"seconds_in_stage", "seconds"})
"""Numbers of seconds that are counted until now."""

OF_TIME: Final = 7
"""The version of the ids that services give."""

PLACE: Final = encode_cursor(("1:1:", "", 0, 0))
"""A place in the feed, as an example shows one: which transactions there were is nothing that it could know."""

_ID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b"
)
"""An id, or a W3C traceparent."""

_SECONDS: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):[0-9]{2}(?:\.[0-9]+)?")


class Names:
    """Which id of the examples is which id of the service, one for one."""

    def __init__(self) -> None:
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}
        self._unnamed = 0

    def same(self, ours: str, theirs: str) -> bool:
        """Whether these two name the same thing; they do from now on, when neither named anything yet.

        Only what a service gave is called differently: any other id follows from a code, or is an example's own.
        """
        if ours not in self._theirs and theirs not in self._ours and (ours == theirs or _is_given(theirs)):
            self._theirs[ours], self._ours[theirs] = theirs, ours
        return self._theirs.get(ours) == theirs

    def translated(self, example: Any) -> Any:
        """The example with the service's ids. One that names nothing yet is taken over as it is."""
        if isinstance(example, dict):
            return {name: self.translated(value) for name, value in example.items()}
        if isinstance(example, list | tuple):
            return [self.translated(one) for one in example]
        if isinstance(example, str):
            return _ID.sub(lambda found: self._taken_over(found.group()), example)
        return example

    def _taken_over(self, ours: str) -> str:
        self.same(ours, ours)
        return self._theirs[ours]

    def settled(self, real: Any) -> Any:
        """What is there, as an example that is the same after every play.

        Ids are ours; those that a service gave to what no example names are numbered as they are met. Times are to the
        minute.
        """
        if isinstance(real, dict):
            return {
                name: value - value % 60 if name in COUNTED else self.settled(value) for name, value in real.items()
            }
        if isinstance(real, list):
            return [self.settled(one) for one in real]
        if isinstance(real, str):
            return PLACE if _is_place(real) else _SECONDS.sub(r"\1:00", _ID.sub(self._our_name, real))
        return real

    def _our_name(self, found: re.Match[str]) -> str:
        theirs = found.group()
        if theirs not in self._ours:
            self.same(self._numbered(theirs) if _is_given(theirs) else theirs, theirs)
        return self._ours[theirs]

    def _numbered(self, theirs: str) -> str:
        self._unnamed += 1
        number = self._unnamed
        return f"00-{number:032x}-{number:016x}-01" if _is_trace(theirs) else f"00000000-0000-4000-8000-{number:012d}"

    def differences(
        self, example: Any, real: Any, *, later: timedelta = timedelta(0), part: bool = False, at: str = ""
    ) -> Iterator[str]:
        """Where the two differ. `later` is how much later everything happened; of objects `part` may be shown."""
        if isinstance(example, dict) and isinstance(real, dict):
            names = example.keys() if part else example.keys() | real.keys()
            for name in sorted(names):
                if name not in real or name not in example:
                    where, value = ("example", example[name]) if name in example else ("real one", real[name])
                    yield f"{at}/{name} is only in the {where}: {value!r}"
                elif not (name in COUNTED and abs(example[name] - real[name]) <= CLOSE.total_seconds()):
                    yield from self.differences(example[name], real[name], later=later, part=part, at=f"{at}/{name}")
        elif isinstance(example, list) and isinstance(real, list) and len(example) == len(real):
            for number, (one, other) in enumerate(zip(example, real, strict=True)):
                yield from self.differences(one, other, later=later, part=part, at=f"{at}/{number}")
        elif not self._alike(example, real, later):
            yield f"{at or '/'}: the example says {example!r}, it is {real!r}"

    def _alike(self, example: Any, real: Any, later: timedelta) -> bool:
        if not (isinstance(example, str) and isinstance(real, str)):
            return bool(example == real)
        ours, theirs = _ID.findall(example), _ID.findall(real)
        if ours or theirs:
            alike = _ID.sub("", example) == _ID.sub("", real) and len(ours) == len(theirs)
            return alike and all(self.same(one, other) for one, other in zip(ours, theirs, strict=True))
        if _is_place(example) and _is_place(real):
            return True
        one, other = _moment(example), _moment(real)
        if one is None or other is None or (one.tzinfo is None) != (other.tzinfo is None):
            return example == real
        return abs(other - one) <= CLOSE or abs(other - one - later) <= CLOSE


def moved(real: Any, by: timedelta, *, since: datetime, until: datetime) -> Any:
    """What is there, with every time between these two so much later."""
    if isinstance(real, dict):
        return {name: moved(value, by, since=since, until=until) for name, value in real.items()}
    if isinstance(real, list):
        return [moved(one, by, since=since, until=until) for one in real]
    moment = _moment(real) if isinstance(real, str) else None
    if moment is not None and moment.tzinfo is not None and since <= moment <= until:
        return (moment + by).isoformat().replace("+00:00", "Z")
    return real


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _is_trace(id_: str) -> bool:
    return id_.startswith("00-")


def _is_given(id_: str) -> bool:
    return _is_trace(id_) or UUID(id_).version == OF_TIME


def _is_place(text: str) -> bool:
    try:
        return ":" in decode_cursor(text, (str, str, int, int))[0]
    except Invalid:
        return False
