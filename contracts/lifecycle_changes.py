"""What differs between two tables of a lifecycle in a way that breaks who acts by it, or waits for what it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.schema_changes import Change, differing


def lifecycle_changed(before: Any, after: Any) -> Iterator[Change]:
    """The breaking differences of two lifecycles. Actions, states, roles and events may come; guards are rules."""
    for name in ("states", "terminal"):
        for state in before[name]:
            if state not in after[name]:
                yield f"/{name}", f"{state} is gone"
    for was in before["transitions"]:
        at = f"/transitions/{was['action']}"
        alike = [one for one in after["transitions"] if one["action"] == was["action"]]
        is_ = next((one for one in alike if one["to"] == was["to"]), alike[0] if alike else None)
        if is_ is None:
            yield at, "the action is gone"
        else:
            yield from _transition_changed(was, is_, at)


def _transition_changed(before: Any, after: Any, at: str) -> Iterator[Change]:
    for name, said in (
        ("from", "it is not taken from {} any more"),
        ("by", "it is not {}'s to take any more"),
        ("says", "it does not say {} any more"),
    ):
        for one in before[name]:
            if one not in after[name]:
                yield f"{at}/{name}", said.format(one)
    yield from differing(before, after, at, frozenset({"action", "label", "from", "by", "says", "guards"}))
