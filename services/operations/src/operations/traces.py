"""One journey's events, told by several speakers, put into the order in which one led to another.

Topics are not ordered against each other and clocks disagree, so neither the order of arrival nor the times can be
trusted alone. What can: a speaker's `seq`, and the cause that each event names. Times only decide between events of
which neither led to the other. The answer depends on nothing but the events themselves.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID


class Told(Protocol):
    """What must be known of an event to place it."""

    @property
    def id(self) -> UUID:
        """What a cause names it by."""

    @property
    def speaker(self) -> str:
        """Whose `seq` it has."""

    @property
    def seq(self) -> int:
        """Its place among its speaker's events of the journey, from 1."""

    @property
    def time(self) -> datetime:
        """When it was said, by its speaker's clock."""

    @property
    def cause(self) -> str:
        """What led to it: `event:`, `request:` or `deadline:` and the id."""


E = TypeVar("E", bound=Told)


class CauseKind(StrEnum):
    """What led to an event. UNHEARD: an event that is not among the journey's. CONTRADICTED: one that comes later."""

    EVENT = "event"
    REQUEST = "request"
    DEADLINE = "deadline"
    UNHEARD = "unheard"
    CONTRADICTED = "contradicted"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to an event: another event, a request, or a deadline that had come.

    `id` is the event's, the request's, or the deadline's kind and id. `position` is that of the causing event: for a
    deadline, of the event that led to its being set; None when a request or nothing known here did.
    """

    kind: CauseKind
    id: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Step(Generic[E]):
    """An event in its place. `position` counts from 1; `depth` is how many events led to it, one through the other.

    `after_cause` is the time from the event that caused it, if one did, negative when their clocks disagree.
    """

    position: int
    event: E
    cause: Cause
    depth: int
    after_cause: timedelta | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A `seq` that nobody here heard although a later one of the same speaker is known."""

    speaker: str
    seq: int


@dataclass(frozen=True, slots=True)
class Trace(Generic[E]):
    """A journey's events, each after what led to it, and the places at which one is missing."""

    steps: tuple[Step[E], ...]
    gaps: tuple[Gap, ...]


KINDS: Final = {"event": CauseKind.EVENT, "request": CauseKind.REQUEST, "deadline": CauseKind.DEADLINE}
"""How a cause begins, up to the first colon."""


def trace(events: Iterable[E]) -> Trace[E]:
    """The events in causal order, with their causes resolved.

    No event stands before its cause or before an earlier `seq` of its speaker. Should causes contradict each other (a
    circle, or an effect with a lower `seq` than its cause), `seq` is believed and the cause is marked CONTRADICTED.
    """
    known = {event.id: event for event in events}
    ordered = _ordered(known)
    position = {event.id: place for place, event in enumerate(ordered, start=1)}
    steps: list[Step[E]] = []
    for place, event in enumerate(ordered, start=1):
        cause = _cause(event, position)
        origin = steps[cause.position - 1] if cause.position and cause.kind is not CauseKind.CONTRADICTED else None
        steps.append(
            Step(
                place,
                event,
                cause,
                depth=origin.depth + 1 if origin else 0,
                after_cause=event.time - origin.event.time if origin else None,
            )
        )
    return Trace(tuple(steps), tuple(_gaps(known.values())))


def _ordered(known: Mapping[UUID, E]) -> list[E]:
    """Take, again and again, the earliest of the events that wait for no other."""
    followers, waiting_for = _relations(known)
    ready = [_rank(event) for event in known.values() if not waiting_for[event.id]]
    heapq.heapify(ready)
    ordered: list[E] = []
    remaining = dict(known)
    while remaining:
        if not ready:
            ready.append(_rank(_freed(remaining)))
        *_, taken = heapq.heappop(ready)
        ordered.append(remaining.pop(taken))
        for follower in followers[taken]:
            if follower in remaining:
                waiting_for[follower].discard(taken)
                if not waiting_for[follower]:
                    heapq.heappush(ready, _rank(known[follower]))
    return ordered


def _relations(known: Mapping[UUID, E]) -> tuple[dict[UUID, list[UUID]], dict[UUID, set[UUID]]]:
    """Who has to come after whom: each event after the previous one of its speaker, and after its cause."""
    followers: dict[UUID, list[UUID]] = defaultdict(list)
    waiting_for: dict[UUID, set[UUID]] = defaultdict(set)

    def precedes(earlier: UUID, later: UUID) -> None:
        if earlier not in waiting_for[later]:
            followers[earlier].append(later)
            waiting_for[later].add(earlier)

    for chain in _chains(known.values()).values():
        for earlier, later in pairwise(chain):
            precedes(earlier.id, later.id)
    for event in known.values():
        cause = _event_named(event.cause)
        if cause is not None and cause in known and cause != event.id:
            precedes(cause, event.id)
    return followers, waiting_for


def _freed(remaining: Mapping[UUID, E]) -> E:
    """The event to go on with when all that remain wait for each other: the earliest of those that do so in a circle.

    The first that remains of a speaker waits for its cause alone, and that for the first of its own speaker.
    """
    first = {speaker: chain[0] for speaker, chain in _chains(remaining.values()).items()}
    speaker = min(first.values(), key=_rank).speaker
    circle: list[str] = []
    while speaker not in circle:
        circle.append(speaker)
        cause = _event_named(first[speaker].cause)
        if cause is not None and cause in remaining:
            speaker = remaining[cause].speaker
    return min((first[one] for one in circle[circle.index(speaker) :]), key=_rank)


def _chains(events: Iterable[E]) -> dict[str, list[E]]:
    chains: dict[str, list[E]] = defaultdict(list)
    for event in sorted(events, key=lambda one: (one.speaker, one.seq, one.id)):
        chains[event.speaker].append(event)
    return chains


def _rank(event: E) -> tuple[datetime, str, int, UUID]:
    return event.time, event.speaker, event.seq, event.id


def _cause(event: E, position: Mapping[UUID, int]) -> Cause:
    prefix, _, rest = event.cause.partition(":")
    kind = KINDS.get(prefix)
    if kind is None or not rest:
        return Cause(CauseKind.OTHER, event.cause)
    named = _event_named(event.cause)
    if kind is CauseKind.REQUEST:
        return Cause(kind, rest)
    if kind is CauseKind.DEADLINE:
        place = position.get(named) if named else None
        return Cause(kind, ":".join(rest.split(":")[:2]), place if place and place < position[event.id] else None)
    if named is None or named not in position:
        return Cause(CauseKind.UNHEARD, rest)
    if position[named] >= position[event.id]:
        return Cause(CauseKind.CONTRADICTED, rest, position[named])
    return Cause(CauseKind.EVENT, rest, position[named])


def _event_named(cause: str) -> UUID | None:
    """The event that a cause names: `event:ID` itself, `deadline:KIND:ID:event:ID` as what led to the deadline."""
    prefix, _, rest = cause.partition(":")
    if KINDS.get(prefix) is CauseKind.DEADLINE and rest.count(":") >= 2:
        return _event_named(rest.split(":", 2)[2])
    if KINDS.get(prefix) is not CauseKind.EVENT:
        return None
    try:
        return UUID(rest)
    except ValueError:
        return None


def _gaps(events: Iterable[E]) -> Sequence[Gap]:
    gaps = []
    for speaker, chain in sorted(_chains(events).items()):
        heard = {event.seq for event in chain}
        gaps += [Gap(speaker, seq) for seq in range(1, max(heard)) if seq not in heard]
    return gaps
