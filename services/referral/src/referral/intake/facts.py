"""What intake finds: facts with their sources, what it did not understand or not use, and whom it is about."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from reliefpath.lifecycle import Finding


class FactKind(StrEnum):
    """What sort of thing a fact is. The order is that in which facts are listed."""

    REQUEST = "request"
    DIAGNOSIS = "diagnosis"
    METASTASIS = "metastasis"
    STAGE = "stage"
    PAIN_SCORE = "pain_score"
    PAIN_GOAL = "pain_goal"
    OPIOID = "opioid"
    OTHER_ANALGESIC = "other_analgesic"
    ANTICOAGULANT = "anticoagulant"
    ANTIPLATELET = "antiplatelet"
    ANTICANCER = "anticancer"
    PLATELETS = "platelets"
    INR = "inr"
    CREATININE = "creatinine"
    EGFR = "egfr"
    ECOG = "ecog"
    KPS = "kps"
    AKPS = "akps"
    PROGNOSIS = "prognosis"
    PALLIATIVE_CARE = "palliative_care"
    PROCEDURE = "procedure"
    ALLERGY = "allergy"


DRUGS: Final = frozenset(
    {
        FactKind.OPIOID,
        FactKind.OTHER_ANALGESIC,
        FactKind.ANTICOAGULANT,
        FactKind.ANTIPLATELET,
        FactKind.ANTICANCER,
    }
)
ANTITHROMBOTICS: Final = frozenset({FactKind.ANTICOAGULANT, FactKind.ANTIPLATELET})


class Found(BaseModel):
    """Anything intake reports: it never changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(Found):
    """One thing the record says, and where it says it.

    code, system, display: as recorded. value, unit: in the unit the measure's record asks for; what was written stands
    in `extra["written"]` when it differs. at: as written; day: the first day that can mean. current: whether a
    diagnosis or drug held on the day of reading; None when that is unknown or has no meaning. source: `Type/id`.
    path: where in that resource. extra: by kind, as the readers say; a drug has `drug` and `drug_class`, a diagnosis
    `cancer` and `behaviour`.
    """

    kind: FactKind
    code: str | None = None
    system: str | None = None
    display: str | None = None
    value: float | int | str | None = None
    unit: str | None = None
    at: str | None = None
    day: date | None = None
    current: bool | None = None
    source: str
    path: str
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def drug(self) -> str | None:
        """Our code for the ingredient, for a fact about a drug."""
        found = self.extra.get("drug")
        return found if isinstance(found, str) else None


class NotUnderstood(Found):
    """Resources of one sort that may matter and that intake could not read; a person has to look."""

    type: str
    reason: str
    code: str | None = None
    text: str | None = None
    count: int
    examples: tuple[str, ...]


class NotUsed(Found):
    """Resources of one sort that a referral has no use for."""

    type: str
    reason: str
    code: str | None = None
    text: str | None = None
    count: int


class Ignored(Found):
    """Resources of one type that are dated after the day of reading."""

    type: str
    count: int


class Identifier(Found):
    """A number or word somebody knows the patient by."""

    system: str | None
    value: str
    type: str | None = None


class Address(Found):
    """Where the patient lives."""

    lines: tuple[str, ...] = ()
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Identity(Found):
    """Who the patient is: everything that must never stand in an event or a log."""

    family: str | None = None
    given: tuple[str, ...] = ()
    name: str | None = None
    born: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()

    def __repr__(self) -> str:
        return "Identity(…)"

    __str__ = __repr__


class Deceased(Found):
    """The record says that the patient has died. `day` is None when it does not say when."""

    day: date | None
    at: str | None
    source: str
    path: str


class Patient(Found):
    """Whom the bundle is about. `birth_date` is None when only a year or month is known; see `identity.born`."""

    source: str
    identity: Identity
    birth_date: date | None = None
    sex: str | None = None
    language: str | None = None
    deceased: Deceased | None = None


class Intake(Found):
    """All that was read from one bundle.

    fingerprint: the same for the same bundle. day: the day the record was read as of, today's unless `as_of` says else.
    ignored: what is dated after `as_of`. missing: what the referral still lacks (advisory: only before a procedure).
    refusals: why this person cannot be referred at all; empty for everybody who can.
    """

    fingerprint: str
    bundle: str | None
    resources: int
    received: datetime
    as_of: date | None
    day: date
    patient: Patient
    facts: tuple[Fact, ...]
    not_understood: tuple[NotUnderstood, ...]
    not_used: tuple[NotUsed, ...]
    ignored: tuple[Ignored, ...]
    missing: tuple[Finding, ...]
    refusals: tuple[Finding, ...] = Field(default=())

    def of(self, *kinds: FactKind) -> tuple[Fact, ...]:
        """The facts of these kinds, oldest first."""
        return tuple(fact for fact in self.facts if fact.kind in kinds)

    def latest(self, kind: FactKind) -> Fact | None:
        """The newest fact of a kind that has a day and a value."""
        dated = [fact for fact in self.of(kind) if fact.day is not None and fact.value is not None]
        return dated[-1] if dated else None

    @property
    def counts(self) -> dict[FactKind, int]:
        """How many facts of each kind there are, in the order of kinds."""
        counted = Counter(fact.kind for fact in self.facts)
        return {kind: counted[kind] for kind in FactKind if kind in counted}

    @property
    def cancers(self) -> tuple[Fact, ...]:
        """The diagnoses of cancer that are not known to be over."""
        return tuple(
            fact for fact in self.of(FactKind.DIAGNOSIS) if fact.extra.get("cancer") and fact.current is not False
        )

    @property
    def antithrombotics(self) -> tuple[str, ...]:
        """Anticoagulants and antiplatelets that are taken, or of which it is unknown whether they are."""
        drugs = {fact.drug for fact in self.of(*ANTITHROMBOTICS) if fact.current is not False}
        return tuple(sorted(drug for drug in drugs if drug))

    @property
    def drugs(self) -> tuple[str, ...]:
        """Every recognised drug that is taken, or of which it is unknown whether it is: what to look holds up for."""
        drugs = {fact.drug for fact in self.of(*DRUGS) if fact.current is not False}
        return tuple(sorted(drug for drug in drugs if drug))
