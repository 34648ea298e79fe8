"""What must hold of every lifecycle's table, and the pairs of state and action to try it with."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from reliefpath.lifecycle import STAYS, TO_WHERE_IT_WAS, Lifecycle, Transition


def pairs(lifecycle: Lifecycle) -> Iterator[tuple[StrEnum, Transition]]:
    """Every state with every action that does not create."""
    for state in lifecycle.states:
        for transition in lifecycle.transitions:
            if transition.sources:
                yield state, transition


def interruptions(lifecycle: Lifecycle) -> frozenset[StrEnum]:
    """The states from which one returns to where it was."""
    return frozenset(source for one in lifecycle.transitions if one.target is TO_WHERE_IT_WAS for source in one.sources)


def reachable(lifecycle: Lifecycle) -> set[StrEnum]:
    """The states that the table leads to from a creation."""
    found = {one.target for one in lifecycle.transitions if not one.sources}
    while True:
        more = {
            one.target
            for one in lifecycle.transitions
            if one.sources & found and one.target not in (TO_WHERE_IT_WAS, STAYS)
        }
        if more <= found:
            return found
        found |= more
