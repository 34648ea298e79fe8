"""Whether a slot can be had, and which can: every conflict at once, each with what is free instead."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reliefpath.lifecycle import Finding
from reliefpath.vocabulary import Purpose
from scheduling.rules.facts import AppointmentFacts, ResourceFacts, ResourceKind, Wanted, Wanting, wanted_by
from scheduling.rules.hours import Interval, merged, open_times


@dataclass(frozen=True, slots=True)
class Need:
    """One thing an appointment cannot do without: a resource of one of these kinds that can do one of these things."""

    what: str
    kinds: frozenset[ResourceKind]
    any_of: frozenset[str] = frozenset()

    def is_met_by(self, resource: ResourceFacts) -> bool:
        """Whether this resource would do."""
        return resource.kind in self.kinds and (not self.any_of or not self.any_of.isdisjoint(resource.capabilities))


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A time at which everything that is needed is open and free, and one choice of it."""

    interval: Interval
    resources: tuple[ResourceFacts, ...]


def needs_of(facts: AppointmentFacts) -> tuple[Need, ...]:
    """What this appointment needs, the hardest to find first: guidance for a procedure, a room, a clinician."""
    needs = [
        Need("a room", frozenset({ResourceKind.ROOM})),
        Need("a clinician", frozenset({ResourceKind.CLINICIAN})),
    ]
    modality = facts.modality
    if facts.purpose is Purpose.PROCEDURE and modality is not None and modality.guidance:
        guidance = frozenset(modality.guidance)
        what = "guidance by " + " or ".join(sorted(guidance))
        needs.insert(0, Need(what, frozenset({ResourceKind.DEVICE, ResourceKind.ROOM}), guidance))
    return tuple(needs)


def choose(needs: Sequence[Need], free: Iterable[ResourceFacts]) -> tuple[ResourceFacts, ...] | None:
    """One choice of free resources that meets every need, or None.

    A device is chosen before a room that can do the same, so that taking it never costs the room another needs.
    """
    candidates = sorted(free, key=lambda one: (one.kind is not ResourceKind.DEVICE, one.code))
    chosen: list[ResourceFacts] = []
    for need in needs:
        if any(need.is_met_by(one) for one in chosen):
            continue
        found = next((one for one in candidates if need.is_met_by(one)), None)
        if found is None:
            return None
        chosen.append(found)
    return tuple(sorted(chosen, key=lambda one: (one.kind, one.code)))


def free_slots(facts: AppointmentFacts, length: timedelta, within: Interval, most: int) -> tuple[FreeSlot, ...]:
    """The first slots of this length that lie within, are free and do not overlap each other, at most so many.

    What does not suffice now suffices only once something more becomes possible: that is the next time looked at.
    """
    if facts.facility is None or length <= timedelta(0):
        return ()
    needs = needs_of(facts)
    useful = [one for one in facts.resources if one.active and any(need.is_met_by(one) for need in needs)]
    gaps = {one.id: _gaps(facts, one, length, within) for one in useful}
    found: list[FreeSlot] = []
    start: datetime | None = within.start
    while start is not None and len(found) < most:
        possible = {one.id: _first_start(gaps[one.id], length, start) for one in useful}
        chosen = choose(needs, [one for one in useful if possible[one.id] == start])
        if chosen is not None:
            found.append(FreeSlot(Interval(start, start + length), chosen))
            start += length
        else:
            start = min((one for one in possible.values() if one is not None and one > start), default=None)
    return tuple(found)


def _gaps(
    facts: AppointmentFacts, resource: ResourceFacts, length: timedelta, within: Interval
) -> tuple[Interval, ...]:
    """When a resource is open, and neither it nor the patient is taken, for long enough."""
    if facts.facility is None:
        return ()
    gaps = []
    taken = merged((*resource.busy, *facts.other_visits))
    for stretch in open_times(resource.openings, facts.facility.zone, within):
        start, end = max(stretch.start, within.start), min(stretch.end, within.end)
        for busy in taken:
            if busy.end > start and busy.start < end:
                gaps.append(Interval(start, busy.start))
                start = busy.end
        gaps.append(Interval(start, end))
    return tuple(gap for gap in gaps if gap.length >= length)


def _first_start(gaps: Sequence[Interval], length: timedelta, start: datetime) -> datetime | None:
    """The first time from `start` on at which this much fits into one of the gaps, which are in order."""
    at = bisect_left(gaps, start + length, key=lambda gap: gap.end)
    return max(start, gaps[at].start) if at < len(gaps) else None


def _taken(resource: ResourceFacts, slot: Interval) -> tuple[Interval, ...]:
    return tuple(busy for busy in resource.busy if busy.overlaps(slot))


def _is_open(facts: AppointmentFacts, resource: ResourceFacts, slot: Interval) -> bool:
    if facts.facility is None:
        return False
    return any(one.covers(slot) for one in open_times(resource.openings, facts.facility.zone, slot))


def _free_instead(facts: AppointmentFacts, resource: ResourceFacts, wanted: Wanted) -> str:
    """What of the same kind, able to do the same, is open and free in the wanted slot."""
    instead = sorted(
        one.code
        for one in facts.resources
        if one.active
        and one.id not in wanted.resources
        and one.kind is resource.kind
        and one.capabilities >= resource.capabilities
        and _is_open(facts, one, wanted.interval)
        and not _taken(one, wanted.interval)
    )
    if instead:
        return f"Free at that time instead: {', '.join(instead)}."
    return f"No other {resource.kind} that can do the same is free at that time: choose another time."


def _named(facts: AppointmentFacts, wanted: Wanted | None) -> Iterator[tuple[str, ResourceFacts]]:
    """The resources a command names that are the facility's, each with its place in the command."""
    known = {one.id: one for one in facts.resources}
    if wanted is not None:
        for number, named in enumerate(wanted.resources):
            if named in known:
                yield f"{wanted.at}/resources/{number}", known[named]


def the_resources_are_of_the_facility(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """Every resource that is named exists, belongs to the facility and is in use."""
    wanted = wanted_by(command)
    if wanted is None:
        return
    known = {one.id for one in facts.resources}
    satisfy = "GET the facility's resources and name one of those that are active."
    for number, named in enumerate(wanted.resources):
        if named not in known:
            elsewhere = named in facts.elsewhere
            yield Finding(
                code="resource-elsewhere" if elsewhere else "resource-unknown",
                message=f"The resource {named} belongs to another facility."
                if elsewhere
                else f"There is no resource {named}.",
                satisfy=satisfy,
                pointer=f"{wanted.at}/resources/{number}",
            )
    for pointer, resource in _named(facts, wanted):
        if not resource.active:
            yield Finding(
                code="resource-inactive",
                message=f"{resource.code} is not in use.",
                satisfy=satisfy,
                pointer=pointer,
            )


def every_need_is_met(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """The named resources are all that is needed; asked beforehand, the facility has them at all."""
    wanted = wanted_by(command)
    active = [one for one in facts.resources if one.active]
    named = [one for one in active if wanted is None or one.id in wanted.resources]
    for need in needs_of(facts):
        if any(need.is_met_by(one) for one in named):
            continue
        having = [one for one in active if need.is_met_by(one)]
        if not having:
            satisfy = "Add such a resource to the facility's directory entry."
        elif wanted is None or facts.facility is None:
            continue
        else:
            slot = wanted.interval
            free = sorted(one.code for one in having if _is_open(facts, one, slot) and not _taken(one, slot))
            satisfy = f"Name one of: {', '.join(free)}." if free else "None is free at that time: choose another time."
        yield Finding(
            code="need-unmet" if having else "need-unavailable",
            message=f"The appointment needs {need.what}" + ("." if having else ", which the facility does not have."),
            satisfy=satisfy,
            pointer=f"{wanted.at}/resources" if wanted is not None else None,
            rules=(facts.modality.ref,) if need.any_of and facts.modality is not None else (),
        )


def the_resources_are_open(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """Every named resource is open during the whole slot."""
    wanted = wanted_by(command)
    if wanted is None or facts.facility is None:
        return
    around = Interval(wanted.interval.start - timedelta(days=1), wanted.interval.end + timedelta(days=7))
    for pointer, resource in _named(facts, wanted):
        if _is_open(facts, resource, wanted.interval):
            continue
        times = [
            one
            for one in open_times(resource.openings, facts.facility.zone, around)
            if one.end > wanted.interval.start and one.length >= wanted.interval.length
        ]
        next_times = ", ".join(_told(one) for one in times[:2])
        yield Finding(
            code="resource-closed",
            message=f"{resource.code} is not open during the whole of {_told(wanted.interval)}.",
            satisfy=(f"It is open {next_times}. " if times else "It is not open in the week after. ")
            + _free_instead(facts, resource, wanted),
            pointer=pointer,
        )


def the_resources_are_free(facts: AppointmentFacts, command: Wanting | None) -> Iterator[Finding]:
    """No named resource is taken by another appointment, nor named twice."""
    wanted = wanted_by(command)
    if wanted is None or facts.facility is None:
        return
    for pointer, resource in _named(facts, wanted):
        taken = _taken(resource, wanted.interval)
        if taken:
            yield Finding(
                code="resource-taken",
                message=f"{resource.code} is taken " + ", ".join(_told(one) for one in taken) + ".",
                satisfy=_free_instead(facts, resource, wanted),
                pointer=pointer,
            )


def _told(interval: Interval) -> str:
    return f"from {interval.start.isoformat()} to {interval.end.isoformat()}"
