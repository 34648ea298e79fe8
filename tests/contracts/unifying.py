"""Whether what is there is what an example says, when ids are called differently and times are counted from another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

CLOSE: Final = timedelta(minutes=2)
"""So far apart two times may be: a story is played in real time on a shifted clock."""

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Names:
    """Which id of the examples is which id of the service, one for one."""

    def __init__(self) -> None:
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}

    def same(self, ours: str, theirs: str) -> bool:
        """Whether these two name the same thing; they do from now on, when neither named anything yet."""
        if ours not in self._theirs and theirs not in self._ours:
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
                else:
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
        one, other = _moment(example), _moment(real)
        if one is None or other is None or (one.tzinfo is None) != (other.tzinfo is None):
            return example == real
        return abs(other - one) <= CLOSE or abs(other - one - later) <= CLOSE


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
