"""Stretches of time, and the weekly hours in which something is open, told in the local time of its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MIDNIGHT = time(0)
QUARTER = timedelta(minutes=15)
"""Times are proposed on the quarter of an hour, so that people can remember and reach them."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From one moment up to, but not including, another."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start

    def overlaps(self, other: Interval) -> bool:
        """Whether some moment lies in both."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: Interval) -> bool:
        """Whether all of the other lies within."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """Open every week on one day (1 Monday to 7 Sunday), local time. Closing at midnight means the end of that day."""

    weekday: int
    opens: time
    closes: time


def open_times(openings: Iterable[Opening], zone: ZoneInfo, within: Interval) -> tuple[Interval, ...]:
    """Every stretch of opening that touches `within`, in order; stretches that meet are one, also across midnight."""
    by_weekday: dict[int, list[Opening]] = {}
    for opening in openings:
        by_weekday.setdefault(opening.weekday, []).append(opening)
    found = [
        stretch
        for day in _days(within, zone)
        for opening in by_weekday.get(day.isoweekday(), ())
        if (stretch := _on(day, opening, zone)).start < stretch.end
    ]
    return tuple(one for one in merged(found) if one.overlaps(within))


def merged(stretches: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same time in as few stretches as possible, in order."""
    whole: list[Interval] = []
    for one in sorted(stretches):
        if whole and one.start <= whole[-1].end:
            whole[-1] = Interval(whole[-1].start, max(whole[-1].end, one.end))
        else:
            whole.append(one)
    return tuple(whole)


def next_quarter(moment: datetime) -> datetime:
    """The moment itself if it is on a quarter of an hour, otherwise the next that is."""
    past = (moment - moment.replace(minute=0, second=0, microsecond=0)) % QUARTER
    return moment + (QUARTER - past if past else timedelta(0))


def local_midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of the local day in which a moment lies."""
    return datetime.combine(moment.astimezone(zone).date(), MIDNIGHT, zone).astimezone(UTC)


def _days(within: Interval, zone: ZoneInfo) -> Iterator[date]:
    """The local days that touch it, and one more on either side, as what is open there may reach into it."""
    day = within.start.astimezone(zone).date() - timedelta(days=1)
    last = within.end.astimezone(zone).date() + timedelta(days=1)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _on(day: date, opening: Opening, zone: ZoneInfo) -> Interval:
    last = day + timedelta(days=1) if opening.closes == MIDNIGHT else day
    return Interval(
        datetime.combine(day, opening.opens, zone).astimezone(UTC),
        datetime.combine(last, opening.closes, zone).astimezone(UTC),
    )
