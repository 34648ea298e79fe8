"""The rulebook: every clinical record, loaded once, checked as a whole, looked up by name.

A record is used at its newest version that is not retired; older ones stay readable by `id@version`, so that an old
suggestion can always be explained.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from reliefpath.record import (
    AnyRecord,
    BleedClass,
    Criterion,
    FacilityTier,
    Hold,
    Measure,
    Medicines,
    MissedContact,
    MmeFactor,
    Modality,
    Operation,
    Record,
    Response,
    Schedule,
    ServiceLevel,
    Status,
    Terms,
    UrgencySigns,
)
from reliefpath.vocabulary import CourseKind, Profile, Urgency

PACKAGED: Final = Path(__file__).parent / "records"
SOURCES: Final = "sources.toml"
ADAPTER: Final[TypeAdapter[AnyRecord]] = TypeAdapter(AnyRecord)

R = TypeVar("R", bound=Record)


class InvalidRecords(ValueError):
    """The records cannot be used; `problems` says everything that is wrong with them, each by file and record."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(("The clinical records are not valid:", *self.problems)))


class Unapproved(ValueError):
    """A production profile met records that nobody approved; `offending` holds each one's ref and why it is refused."""

    def __init__(self, offending: Iterable[tuple[str, str]]) -> None:
        self.offending = tuple(offending)
        super().__init__(
            f"{len(self.offending)} clinical records may not be used in production until a clinician approves them: "
            + "; ".join(f"{ref} ({why})" for ref, why in self.offending)
        )


class UnknownRecord(KeyError):
    """There is no such record, or it is of another kind."""


class Rulebook:
    """All records of one installation. Immutable; made by `load`."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Raises InvalidRecords when two share a name and version, or one refers to something that is not there."""
        by_ref: dict[str, Record] = {}
        current: dict[str, Record] = {}
        problems = []
        for record in sorted(records, key=lambda record: (record.id, record.version)):
            if record.ref in by_ref:
                problems.append(f"{record.ref}: there are two of it")
            by_ref[record.ref] = record
            if record.status is not Status.RETIRED:
                current[record.id] = record
        self._by_ref: Final[Mapping[str, Record]] = MappingProxyType(by_ref)
        self._current: Final[Mapping[str, Record]] = MappingProxyType(current)
        self._modalities: Final[Mapping[str, Modality]] = MappingProxyType({m.code: m for m in self.of(Modality)})
        problems.extend(self._dangling())
        if problems:
            raise InvalidRecords(problems)

    @classmethod
    def load(cls, directory: Path | None = None) -> Rulebook:
        """The rulebook kept in a folder of TOML files; the one packaged with this program when none is named.

        Each folder is read once. Raises InvalidRecords with everything that is wrong, in all files at once.
        """
        return _load((directory or PACKAGED).resolve())

    def __getitem__(self, name: str) -> Record:
        """The record of this id in its current version, or exactly this `id@version`. Raises UnknownRecord."""
        found = self._by_ref.get(name) if "@" in name else self._current.get(name)
        if found is None:
            raise UnknownRecord(name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._current or name in self._by_ref

    def __iter__(self) -> Iterator[Record]:
        """Every record in use, by id."""
        return iter(self._current.values())

    def __len__(self) -> int:
        return len(self._current)

    def record(self, name: str, kind: type[R]) -> R:
        """The record of this name, known to be of this kind. Raises UnknownRecord when it is not."""
        found = self[name]
        if not isinstance(found, kind):
            raise UnknownRecord(f"{name} is not a {kind.__name__}")
        return found

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """Every record of one kind that is in use, by id."""
        return tuple(record for record in self if isinstance(record, kind))

    def modalities(self) -> Mapping[str, Modality]:
        """Every modality by its code."""
        return self._modalities

    def criteria(self) -> tuple[Criterion, ...]:
        """The reasons to consider a referral, ESC-1 onwards."""
        return self.of(Criterion)

    def tiers(self) -> Mapping[str, frozenset[str]]:
        """What a place of each tier can do, including what the tiers below it can."""
        tiers = {tier.tier: tier for tier in self.of(FacilityTier)}
        found = {}
        for name in tiers:
            reached = {name}
            while below := {one for tier in reached for one in tiers[tier].includes} - reached:
                reached |= below
            found[name] = frozenset(code for tier in reached for code in tiers[tier].capabilities)
        return found

    def service_level(self, urgency: Urgency, scheme: str = "reliefpath") -> ServiceLevel:
        """How soon each step should be done. Raises UnknownRecord when this scheme says nothing about this urgency."""
        for level in self.of(ServiceLevel):
            if (level.urgency, level.scheme) == (urgency, scheme):
                return level
        raise UnknownRecord(f"a service level of {scheme} for {urgency}")

    def urgency_signs(self) -> tuple[UrgencySigns, ...]:
        """What speaks for each urgency, the most urgent first."""
        order = list(Urgency)
        return tuple(sorted(self.of(UrgencySigns), key=lambda signs: order.index(signs.urgency)))

    def holds(
        self,
        drug: str,
        bleed_class: BleedClass | None = None,
        *,
        form: str | None = None,
        guideline: str | None = None,
    ) -> tuple[Hold, ...]:
        """What the guidelines say about leaving this drug off; empty means unknown, never that no hold is needed."""
        return tuple(
            hold
            for hold in self.of(Hold)
            if drug in hold.drugs
            and (bleed_class is None or bleed_class in hold.by_class)
            and (form is None or hold.form in (form, "any"))
            and (guideline is None or hold.guideline == guideline)
        )

    def schedule(self, modality: str, course: CourseKind) -> Schedule | None:
        """The contacts after this modality, or None when no record gives any."""
        for schedule in self.of(Schedule):
            if modality in schedule.applies_to and course in schedule.courses:
                return schedule
        return None

    def response(self, modality: str) -> Response:
        """How a trial or treatment of this modality is graded. Raises UnknownRecord for an unknown modality."""
        if modality not in self._modalities:
            raise UnknownRecord(f"the modality {modality}")
        return self.record(self._modalities[modality].trial.response or "RESPONSE-DEFAULT", Response)

    def missed_contact(self) -> MissedContact:
        """What happens when nobody answers."""
        return self.record("CONTACT-MISSED", MissedContact)

    def mme_factors(self, factor_set: str = "cdc-2022") -> Mapping[str, MmeFactor]:
        """The factors of one set by drug. A baseline and what follows it must use the same set."""
        return {factor.drug: factor for factor in self.of(MmeFactor) if factor.factor_set == factor_set}

    def medicines(self) -> tuple[Medicines, ...]:
        """The classes of ingredients."""
        return self.of(Medicines)

    def measures(self) -> tuple[Measure, ...]:
        """The kinds of measurement that are recognised."""
        return self.of(Measure)

    def terms(self, name: str) -> Terms:
        """The words by which something is recognised. Raises UnknownRecord."""
        return self.record(name, Terms)

    def operation(self, name: str) -> Operation:
        """How long people are given for an organisational step. Raises UnknownRecord."""
        return self.record(name, Operation)

    def refuse_unapproved(self, profile: Profile) -> None:
        """Let a development profile use drafts; raise Unapproved, naming every record, when production would."""
        if profile is not Profile.PRODUCTION:
            return
        offending = [
            (record.ref, f"{record.status}, verification {record.verification}, approved by nobody")
            for record in self
            if record.status is not Status.APPROVED
        ]
        if offending:
            raise Unapproved(offending)

    def overdue(self, today: date) -> tuple[Record, ...]:
        """The records in use whose review is overdue."""
        return tuple(record for record in self if record.review_due < today)

    def _dangling(self) -> Iterator[str]:
        tiers = {tier.tier for tier in self.of(FacilityTier)}
        drugs = {member.code for medicines in self.of(Medicines) for member in medicines.members}
        for tier in self.of(FacilityTier):
            yield from (f"{tier.ref}: no tier {name}" for name in tier.includes if name not in tiers)
        for modality in self.of(Modality):
            if modality.tier not in tiers:
                yield f"{modality.ref}: no tier {modality.tier}"
            yield from (
                f"{modality.ref}: no modality {code}" for code in modality.trial.by if code not in self._modalities
            )
            response = modality.trial.response
            if response is not None and not isinstance(self._current.get(response), Response):
                yield f"{modality.ref}: no response record {response}"
        for schedule in self.of(Schedule):
            yield from (
                f"{schedule.ref}: no modality {code}" for code in schedule.applies_to if code not in self._modalities
            )
        for hold in self.of(Hold):
            yield from (f"{hold.ref}: no medicine {drug}" for drug in hold.drugs if drug not in drugs)
        for factor in self.of(MmeFactor):
            if factor.drug not in drugs:
                yield f"{factor.ref}: no medicine {factor.drug}"


@cache
def _load(directory: Path) -> Rulebook:
    problems: list[str] = []
    parsed: dict[str, dict[str, Any]] = {}
    for path in sorted(directory.glob("*.toml")):
        try:
            parsed[path.name] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
            problems.append(f"{path.name}: {wrong}")
    if not parsed and not problems:
        problems.append(f"{directory} holds no records")
    sources = parsed.pop(SOURCES, {}).get("sources", {})
    records = []
    for name, content in parsed.items():
        for given in content.get("record", ()):
            try:
                records.append(ADAPTER.validate_python(_complete(given, content.get("defaults", {}), sources)))
            except ValidationError as wrong:
                problems.extend(
                    f"{name}: {given.get('id', '?')}: {'.'.join(map(str, error['loc']))}: {error['msg']}"
                    for error in wrong.errors()
                )
            except KeyError as missing:
                problems.append(f"{name}: {given.get('id', '?')}: no source {missing.args[0]!r} in {SOURCES}")
    if problems:
        raise InvalidRecords(problems)
    return Rulebook(records)


def _complete(given: dict[str, Any], defaults: dict[str, Any], sources: dict[str, Any]) -> dict[str, Any]:
    """A record with its file's defaults, and with each source named by key (`of`) written out."""
    whole = {**defaults, **given}
    whole["sources"] = [
        {**sources[source["of"]], **{key: value for key, value in source.items() if key != "of"}}
        for source in whole.get("sources", ())
    ]
    return whole
