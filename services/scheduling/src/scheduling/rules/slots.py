"""Whether a slot can be had, and which can: every conflict at once, each with what is free instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reliefpath.lifecycle import Finding
from reliefpath.vocabulary import Purpose
from scheduling.rules.facts import AppointmentFacts, ResourceFacts, ResourceKind, Wanted, Wanting, wanted_by
from scheduling.rules.hours import Interval, open_times


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

    A slot is looked for where something begins: where a resource opens or becomes free, and then length after length.
    """
    if facts.facility is None or length <= timedelta(0):
        return ()
    needs = needs_of(facts)
    useful = [one for one in facts.resources if one.active and any(need.is_met_by(one) for need in needs)]
    open_at = {one.id: open_times(one.openings, facts.facility.zone, within) for one in useful}
    found: list[FreeSlot] = []
    for start in _beginnings(useful, open_at.values(), length, within):
        if len(found) == most:
            break
        slot = Interval(start, start + length)
        if (found and slot.overlaps(found[-1].interval)) or any(slot.overlaps(one) for one in facts.other_visits):
            continue
        free = [one for one in useful if any(o.covers(slot) for o in open_at[one.id]) and not _taken(one, slot)]
        if (chosen := choose(needs, free)) is not None:
            found.append(FreeSlot(slot, chosen))
    return tuple(found)


def _beginnings(
    resources: Iterable[ResourceFacts], openings: Iterable[Iterable[Interval]], length: timedelta, within: Interval
) -> list[datetime]:
    starts = {max(one.start, within.start) for stretches in openings for one in stretches}
    starts |= {busy.end for resource in resources for busy in resource.busy}
    found = set()
    for stretch in (one for stretches in openings for one in stretches):
        for begin in {start for start in starts if stretch.start <= start < stretch.end}:
            start = begin
            while start + length <= min(stretch.end, within.end):
                found.add(start)
                start += length
    return sorted(start for start in found if start >= within.start)


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
