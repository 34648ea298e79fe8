"""How far behind a consumer is, and where that is going: read off what it said of itself the last few times.

No thresholds on records: a consumer is judged by whether it moves (after Burrow's sliding window), and by the age of
the oldest message it has not read. `next` is the offset it reads next, `end` the one the topic writes next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Generic, TypeVar

REMEMBERED: Final = 30
"""Observations kept per consumer."""

WINDOW: Final = timedelta(minutes=2)
"""Observations older than this say nothing about now."""

UNOBSERVED_AFTER: Final = timedelta(seconds=15)
"""A consumer looks at its own lag every few seconds; one that has not for so long is not running."""

STALLED_AFTER: Final = timedelta(seconds=10)
"""A consumer with unread messages that has not moved for so long stands still."""

K = TypeVar("K", bound=Hashable)


class Status(StrEnum):
    """How a consumer is doing, from best to worst."""

    CURRENT = "current"
    BEHIND = "behind"
    STALLED = "stalled"
    UNOBSERVED = "unobserved"
    GONE = "gone"
    """The offset to go on from is not in the topic: nothing is read until somebody says where to go on."""


class Trend(StrEnum):
    """Where the number of unread messages is going."""

    UNKNOWN = "unknown"
    STEADY = "steady"
    SHRINKING = "shrinking"
    GROWING = "growing"


SEVERITY: Final = {status: rank for rank, status in enumerate(Status)}


@dataclass(frozen=True, slots=True)
class Observation:
    """What a consumer said of one partition at one time. `seconds` is the age of its oldest unread message."""

    at: datetime
    next: int
    end: int
    seconds: float
    gone: bool = False

    @property
    def records(self) -> int:
        """Messages not read yet."""
        return max(0, self.end - self.next)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a consumer is. `clears_in` is in seconds, when it is catching up and its pace is known."""

    records: int
    seconds: float
    status: Status
    trend: Trend
    clears_in: float | None = None


def read(observations: Sequence[Observation], now: datetime) -> Lag:
    """The lag of one partition from its observations, oldest first; at least one. `now` is real time."""
    latest = observations[-1]
    recent = [one for one in observations if latest.at - one.at <= WINDOW]
    trend, pace = _trend(recent)
    return Lag(
        latest.records,
        latest.seconds,
        _status(recent, now),
        trend,
        clears_in=latest.records / pace if trend is Trend.SHRINKING and latest.records else None,
    )


def together(lags: Iterable[Lag]) -> Lag:
    """The lag of a consumer of several partitions: all their records, the longest wait, the worst status."""
    parts = list(lags)
    trends = {part.trend for part in parts if part.records} or {part.trend for part in parts}
    clearing = [part.clears_in for part in parts if part.records]
    return Lag(
        sum(part.records for part in parts),
        max((part.seconds for part in parts), default=0.0),
        max((part.status for part in parts), key=SEVERITY.__getitem__, default=Status.CURRENT),
        _worst_trend(trends),
        clears_in=max((one for one in clearing if one is not None), default=None) if None not in clearing else None,
    )


class History(Generic[K]):
    """The last observations of each consumer, in memory: a restart forgets them, and trends start afresh."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._observed: dict[K, deque[Observation]] = {}

    def note(self, consumer: K, observation: Observation) -> Sequence[Observation]:
        """Remember an observation, unless it is no newer than the last; what is remembered, oldest first.

        Offsets that went back mean that the topic or the consumer began anew, so what was before is forgotten.
        """
        observed = self._observed.setdefault(consumer, deque(maxlen=self._remembered))
        if observed and (observation.end < observed[-1].end or observation.next < observed[-1].next):
            observed.clear()
        if not observed or observation.at > observed[-1].at:
            observed.append(observation)
        else:
            observed[-1] = replace(observation, at=observed[-1].at)
        return tuple(observed)


def _status(recent: Sequence[Observation], now: datetime) -> Status:
    latest = recent[-1]
    if now - latest.at > UNOBSERVED_AFTER:
        return Status.UNOBSERVED
    if latest.gone:
        return Status.GONE
    if not latest.records:
        return Status.CURRENT
    unmoved = [one for one in recent if one.next == latest.next and one.records]
    stood = latest.at - unmoved[0].at
    return Status.STALLED if stood >= STALLED_AFTER else Status.BEHIND


def _trend(recent: Sequence[Observation]) -> tuple[Trend, float]:
    """Where the unread messages are going, and by how many records a second they become fewer."""
    first, latest = recent[0], recent[-1]
    elapsed = (latest.at - first.at).total_seconds()
    if elapsed <= 0:
        return Trend.UNKNOWN, 0.0
    pace = (first.records - latest.records) / elapsed
    if pace > 0:
        return Trend.SHRINKING, pace
    return (Trend.GROWING, 0.0) if pace < 0 else (Trend.STEADY, 0.0)


def _worst_trend(trends: set[Trend]) -> Trend:
    for trend in (Trend.GROWING, Trend.UNKNOWN, Trend.STEADY):
        if trend in trends:
            return trend
    return Trend.SHRINKING if trends else Trend.UNKNOWN
