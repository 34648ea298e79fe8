"""One reading of one bundle: on which day, about whom, and what is left over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from pydantic import JsonValue

from referral.intake.bundle import Contents, Resource
from referral.intake.elements import Body, Concept, child, text
from referral.intake.facts import Fact, FactKind, Ignored, NotUnderstood, NotUsed
from referral.intake.lexicon import Lexicon
from referral.intake.moments import Moment, moments

EXAMPLES: Final = 1000
"""Resources named for each sort of thing that was not understood."""

TIME_ZONES: Final = timedelta(days=1)
"""How far another place's calendar can be ahead of ours."""

VOID: Final = frozenset({"entered-in-error", "cancelled"})

Reader = Callable[[Resource, "Reading"], Iterator[Fact]]

Group = tuple[str, str, str | None, str | None]


@dataclass(eq=False)
class Remainder:
    """What did not become a fact, counted by sort, so that nothing is passed over in silence."""

    _not_understood: dict[Group, list[str]] = field(default_factory=lambda: defaultdict(list))
    _not_used: Counter[Group] = field(default_factory=Counter)
    _ignored: Counter[str] = field(default_factory=Counter)

    def not_understood(self, resource: Resource, reason: str, named: Concept | None = None) -> None:
        """A person has to look at this one."""
        self._not_understood[_group(resource.type, reason, named)].append(resource.source)

    def not_used(self, type: str, reason: str, named: Concept | None = None) -> None:
        """A referral has no use for this one."""
        self._not_used[_group(type, reason, named)] += 1

    def ignored(self, type: str) -> None:
        """This one is dated after the day of reading."""
        self._ignored[type] += 1

    def all_not_understood(self) -> tuple[NotUnderstood, ...]:
        """Everything a person has to look at, the most frequent first."""
        found = [
            NotUnderstood(
                type=kind,
                reason=reason,
                code=code,
                text=said,
                count=len(sources),
                examples=tuple(sorted(sources)[:EXAMPLES]),
            )
            for (kind, reason, code, said), sources in self._not_understood.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.count, one.type, one.reason, one.code or "", one.text or "")))

    def all_not_used(self) -> tuple[NotUsed, ...]:
        """Everything there was no use for, the most frequent first."""
        found = [
            NotUsed(type=kind, reason=reason, code=code, text=said, count=count)
            for (kind, reason, code, said), count in self._not_used.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.count, one.type, one.reason, one.code or "", one.text or "")))

    def all_ignored(self) -> tuple[Ignored, ...]:
        """How many resources of each type are dated later."""
        return tuple(Ignored(type=kind, count=count) for kind, count in sorted(self._ignored.items()))


@dataclass(eq=False)
class Reading:
    """The bundle, the day it is read as of, whom it is about, and what is left over so far.

    `as_of` tells a reading of the past, where everything dated later is ignored, from a reading of today, where
    something dated later is an error in the record.
    """

    contents: Contents
    lexicon: Lexicon
    day: date
    as_of: bool
    names: frozenset[str]
    identifiers: frozenset[str]
    remainder: Remainder = field(default_factory=Remainder)

    def is_later(self, resource: Resource) -> bool:
        """Whether the record did not hold this on the day of reading; notes it as ignored, or as not understood."""
        holders = (resource,) if resource.container is None else (resource, resource.container)
        latest = max((read.day for one in holders for read in moments(one.body, one.type)), default=None)
        if latest is None:
            return False
        if self.as_of:
            if latest > self.day:
                self.remainder.ignored(resource.type)
                return True
            return False
        if latest - self.day > TIME_ZONES:
            self.remainder.not_understood(resource, "dated-in-the-future")
            return True
        return False

    def is_about_the_patient(self, resource: Resource) -> bool:
        """Whether its subject is the patient, or it names none."""
        for name in ("subject", "patient", "for"):
            about = child(resource.body, name)
            if "reference" in about:
                return self._names_the_patient(text(about.get("reference")))
            known_as = text(child(about, "identifier").get("value"))
            if known_as is not None:
                return known_as in self.identifiers
        return True

    def _names_the_patient(self, reference: str | None) -> bool:
        if reference is None or not self.names:
            return True
        plain = reference.split("/_history/")[0]
        return plain in self.names or "/".join(plain.rsplit("/", 2)[-2:]) in self.names


def fact(
    kind: FactKind,
    resource: Resource,
    path: str,
    named: Concept,
    *,
    at: Moment | None = None,
    value: float | str | None = None,
    unit: str | None = None,
    current: bool | None = None,
    extra: dict[str, JsonValue] | None = None,
) -> Fact:
    """A fact about what a resource says, with the resource as its source; `at` is when it happened, if not given."""
    when = at or next(moments(resource.body, resource.type), None)
    return Fact(
        kind=kind,
        code=named.first.code,
        system=named.first.system,
        display=named.label,
        value=value,
        unit=unit,
        at=when.written if when else None,
        day=when.day if when else None,
        current=current,
        source=resource.source,
        path=path,
        extra={key: said for key, said in (extra or {}).items() if said is not None},
    )


def status(body: Body) -> str | None:
    """A resource's status, in lower case."""
    found = text(body.get("status"))
    return found.casefold() if found else None


def _group(type: str, reason: str, named: Concept | None) -> Group:
    if named is None:
        return type, reason, None, None
    return type, reason, named.first.code, named.label
