"""What one clinical record is: a figure or a list of codes, with its source and how far that source was verified.

Records are data, kept in `records/*.toml`. A new record of an existing kind needs no code; a new kind is a class here.
No record decides anything: a rule reads it, a suggestion names it by `ref`, and a clinician decides.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from reliefpath.vocabulary import Code, CourseKind, Setting, Urgency

RecordId = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{0,63}$")]
"""The name of a record; every version of it keeps the name."""

DAYS_IN: Final = {"d": 1, "working_d": 1, "wk": 7, "mo": 30, "y": 365}
HOURS_IN: Final = {"min": 1 / 60, "h": 1, "working_h": 1}
"""How a record's calendar words count. A working hour counts as an hour until a site's working calendar is known, so
that a deadline comes too early rather than too late."""


class Status(StrEnum):
    """Where a record stands: nobody has approved a draft; nobody uses a retired one."""

    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


class Verification(StrEnum):
    """How far a figure was checked against its source."""

    PRIMARY = "V1"
    SECONDARY = "V2"
    MEMORY = "M"
    COMMON_PRACTICE = "C"
    PROPOSED = "P"


class BleedClass(StrEnum):
    """How much harm bleeding can do at the place of a procedure."""

    LOW = "low"
    INTERMEDIATE = "intermediate"
    HIGH = "high"


class Frozen(BaseModel):
    """Immutable, and strict about its fields: a misspelt field in a record is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where a figure comes from."""

    title: str
    organisation: str
    year: int | None = None
    locator: str | None = None
    doi: str | None = None
    url: str | None = None


class Span(Frozen):
    """A length of time, exact (`low` equals `high`) or a range. Written `24 h`, `3-10 d`, `4 working_h`."""

    low: float = Field(ge=0)
    high: float = Field(ge=0)
    unit: Literal["min", "h", "working_h", "d", "working_d", "wk", "mo", "y"]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"{self.low} is more than {self.high}")
        return self

    @property
    def shortest(self) -> timedelta:
        """The lower end."""
        return self._length(self.low)

    @property
    def longest(self) -> timedelta:
        """The upper end."""
        return self._length(self.high)

    @property
    def working(self) -> bool:
        """Whether only working time should count, once a working calendar is known."""
        return self.unit.startswith("working")

    def _length(self, amount: float) -> timedelta:
        if self.unit in DAYS_IN:
            return timedelta(days=amount * DAYS_IN[self.unit])
        return timedelta(hours=amount * HOURS_IN[self.unit])

    def __str__(self) -> str:
        amount = f"{self.low:g}" if self.low == self.high else f"{self.low:g}-{self.high:g}"
        return f"{amount} {self.unit}"


def _read_span(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    written = re.fullmatch(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))? ([a-z_]+)", given)
    if written is None:
        raise ValueError(f"{given!r} is not a length of time such as '24 h' or '3-10 d'")
    low, high, unit = written.groups()
    return {"low": float(low), "high": float(high or low), "unit": unit}


Length = Annotated[Span, BeforeValidator(_read_span)]


class Record(Frozen):
    """What every record has. `sources` is never empty; `verification` is the weakest grade of anything in it, and
    `grades` says where a part of it is better or worse founded."""

    id: RecordId
    version: int = Field(ge=1)
    title: str
    status: Status
    applies_to: tuple[Code, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)
    verification: Verification
    grades: dict[str, Verification] = {}
    effective_from: date
    review_due: date
    approved_by: str | None = None
    site_overridable: bool
    rationale: str

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.status is Status.APPROVED and not self.approved_by:
            raise ValueError("is approved, but by nobody")
        if self.status is Status.DRAFT and self.approved_by:
            raise ValueError("is a draft, yet somebody approved it")
        if self.review_due <= self.effective_from:
            raise ValueError("is due for review before it takes effect")
        return self

    @property
    def ref(self) -> str:
        """How events and explanations name it: `id@version`."""
        return f"{self.id}@{self.version}"

    @property
    def source(self) -> Source:
        """The first and foremost source."""
        return self.sources[0]

    def __hash__(self) -> int:
        return hash(self.ref)


class Figure(Record):
    """One number or range, to be compared with something measured. `options` are the other values a site may choose."""

    kind: Literal["figure"] = "figure"
    quantity: Code
    comparison: Literal["at_least", "above", "at_most", "below", "within"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    options: tuple[float, ...] = ()
    unit: str
    bleed_class: BleedClass | None = None

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if (self.value is None) == (self.low is None and self.high is None):
            raise ValueError("needs either a value or a range")
        return self


class Criterion(Record):
    """A reason to consider referring somebody. It suggests; it never decides and never excludes."""

    kind: Literal["criterion"] = "criterion"
    quantity: Code
    comparison: Literal["at_least", "above", "at_most", "below", "present"]
    value: float | None = None
    options: tuple[float, ...] = ()
    unit: str | None = None
    window: Length | None = None
    counts: dict[Code, int] = {}
    any_of: tuple[Code, ...] = ()


class ServiceLevel(Record):
    """How soon each step should be done, for one urgency, as one body of opinion (`scheme`) sees it."""

    kind: Literal["service_level"] = "service_level"
    scheme: Code
    urgency: Urgency
    contact: Length | None = None
    triage: Length | None = None
    assessment: Length | None = None
    procedure: Length | None = None
    warn_at_percent: int | None = Field(default=None, ge=1, le=99)


class UrgencySigns(Record):
    """What speaks for an urgency: any one of these. A person sets the urgency; this only proposes."""

    kind: Literal["urgency"] = "urgency"
    urgency: Urgency
    pain_at_least: int | None = Field(default=None, ge=0, le=10)
    pain_at_most: int | None = Field(default=None, ge=0, le=10)
    only_with: tuple[Code, ...] = ()
    prognosis_below: Length | None = None
    any_of: tuple[Code, ...] = ()


class HoldRule(Frozen):
    """What to do with a drug before and after a procedure of one bleed class."""

    decision: Literal["hold", "shared", "shared_or_none", "none"]
    before: Length | None = None
    before_if_renal_impairment: Length | None = None
    needs: tuple[Code, ...] = ()
    restart: Length | None = None

    @model_validator(mode="after")
    def _length_given(self) -> Self:
        if (self.decision == "hold") != (self.before is not None):
            raise ValueError("a hold needs a length, and only a hold has one")
        return self


class Hold(Record):
    """How long one guideline leaves a drug off before a procedure, and when it starts again.

    Holding is always decided jointly with the prescriber. Guidelines that differ stand side by side.
    `form` says for which dose, route or use of the drug it is meant; `any` when the guideline does not tell them apart.
    """

    kind: Literal["hold"] = "hold"
    guideline: Code
    drugs: tuple[Code, ...] = Field(min_length=1)
    form: Code = "any"
    by_class: dict[BleedClass, HoldRule] = Field(min_length=1)


class FacilityTier(Record):
    """What a place of one tier can do; each tier includes what the tiers named in `includes` can do."""

    kind: Literal["facility_tier"] = "facility_tier"
    tier: Code
    includes: tuple[Code, ...] = ()
    capabilities: tuple[Code, ...]


class TrialDays(Frozen):
    """How long a trial lasts, in days: the usual range, and what is planned when nobody says otherwise."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)
    default: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.default <= self.high:
            raise ValueError("the default lies outside the range")
        return self


class Trial(Frozen):
    """Whether a modality has to be tried before it is given, and what counts as trying.

    needed: required; waivable (a clinician may waive it, with a reason); itself (it is its own trial); none.
    by: the modalities of which a judged trial counts. response: the record by which it is judged.
    """

    needed: Literal["required", "waivable", "itself", "none"]
    by: tuple[Code, ...] = ()
    days: TrialDays | None = None
    response: RecordId | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.needed in ("required", "waivable") and not (self.by and self.response):
            raise ValueError("a trial that is needed has to say by what, and how it is judged")
        return self


class Modality(Record):
    """One kind of intervention. `bleed_variants` are the classes of forms that differ from the usual one."""

    kind: Literal["modality"] = "modality"
    code: Code
    syndromes: tuple[Code, ...] = Field(min_length=1)
    guidance: tuple[Code, ...] = ()
    procedure: Literal["block", "neurolysis", "neuraxial", "implant", "augmentation", "ablation", "cordotomy"]
    trial: Trial
    bleed_class: BleedClass
    bleed_variants: dict[Code, BleedClass] = {}
    tier: Code
    capabilities: tuple[Code, ...]
    settings: tuple[Setting, ...] = Field(min_length=1)
    home_capabilities: tuple[Code, ...] = ()

    @property
    def trial_first(self) -> bool:
        """Whether its treatment waits for a judged trial (which a clinician may waive if `trial_waivable`)."""
        return self.trial.needed in ("required", "waivable")

    @property
    def trial_waivable(self) -> bool:
        """Whether a clinician may do without the trial, giving a reason."""
        return self.trial.needed == "waivable"


class Response(Record):
    """How the effect of a trial or treatment is graded. No data is always reported apart from no response."""

    kind: Literal["response"] = "response"
    responder_percent: float | None = Field(default=None, ge=0, le=100)
    partial_percent: float | None = Field(default=None, ge=0, le=100)
    minimal_percent: float | None = Field(default=None, ge=0, le=100)
    equal_pain_toxicity_percent: float | None = Field(default=None, ge=0, le=100)
    points: float | None = None
    at_or_below_goal: bool = False
    window: Length | None = None
    tolerance: Length | None = None
    no_data_apart: Literal[True] = True


class Contact(Frozen):
    """One planned contact after a procedure, or a repeated one (`every`), counted from the procedure's end."""

    at: Length
    every: Length | None = None
    channel: Literal["visit", "phone", "diary", "inpatient"]
    purpose: Code

    def offsets(self) -> tuple[timedelta, ...]:
        """When to make it, counted from the procedure: once at the lower end, or repeated over the whole range."""
        if self.every is None:
            return (self.at.shortest,)
        step, offset = self.every.longest, self.at.shortest
        if step <= timedelta(0):
            return (offset,)
        found = []
        while offset <= self.at.longest:
            found.append(offset)
            offset += step
        return tuple(found)


class Schedule(Record):
    """The contacts after a procedure. `applies_to` holds modality codes."""

    kind: Literal["schedule"] = "schedule"
    courses: tuple[CourseKind, ...]
    contacts: tuple[Contact, ...] = Field(min_length=1)

    def offsets(self) -> tuple[timedelta, ...]:
        """All contacts' times after the procedure, in order, each once."""
        return tuple(sorted({offset for contact in self.contacts for offset in contact.offsets()}))


class MissedContact(Record):
    """What happens when nobody answers."""

    kind: Literal["missed_contact"] = "missed_contact"
    retry_after: Length
    retries: int = Field(ge=0)
    then: Code


class MmeFactor(Record):
    """Morphine milligram equivalents per unit of a drug. An exposure trend only: never a limit, never a conversion.

    `factor` is None for a drug that has none (`convertible` false): it is reported apart, never counted as zero.
    """

    kind: Literal["mme_factor"] = "mme_factor"
    factor_set: Code
    drug: Code
    factor: float | None = Field(default=None, gt=0)
    per: Literal["mg/d", "ug/h"] | None = None
    convertible: bool = True
    caution: tuple[Code, ...] = ()
    is_limit: Literal[False] = False
    converts_between_opioids: Literal[False] = False

    @model_validator(mode="after")
    def _factor_given(self) -> Self:
        if self.convertible != (self.factor is not None and self.per is not None):
            raise ValueError("a convertible drug needs a factor and a unit, and no other has one")
        return self


class Medicine(Frozen):
    """One ingredient: our code for it, the names it goes by, and its RxNorm ingredient codes where they are known."""

    code: Code
    names: tuple[str, ...] = Field(min_length=1)
    rxnorm: tuple[str, ...] = ()


class Medicines(Record):
    """The ingredients of one class, and which kind of fact a record of one of them is (None: known, of no use here)."""

    kind: Literal["medicines"] = "medicines"
    drug_class: Code
    fact: Literal["opioid", "other_analgesic", "anticoagulant", "antiplatelet", "anticancer"] | None = None
    members: tuple[Medicine, ...] = Field(min_length=1)


class Measure(Record):
    """How one kind of measurement is recognised in a patient record, and in which unit it is kept.

    units: every unit understood, with the factor that turns it into `unit`. A measurement in any other unit is not
    understood, unless it has none and `unitless` allows that. answers: coded answers and their scores.
    """

    kind: Literal["measure"] = "measure"
    fact: Code
    loinc: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    as_text: bool = False
    unit: str | None = None
    units: dict[str, float] = {}
    unitless: bool = False
    low: float | None = None
    high: float | None = None
    answers: dict[str, float] = {}

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        for pattern in (*self.patterns, *self.hints):
            re.compile(pattern)
        return self


class Terms(Record):
    """Words and codes by which something is recognised: groups of regular expressions, matched in lower case."""

    kind: Literal["terms"] = "terms"
    words: dict[Code, tuple[str, ...]] = {}
    codes: dict[Code, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        for group in (*self.words.values(), *self.codes.values()):
            for pattern in group:
                re.compile(pattern)
        return self


class Operation(Record):
    """How long people are given for a step that is organisational, not clinical."""

    kind: Literal["operation"] = "operation"
    wait: Length


AnyRecord = Annotated[
    Figure
    | Criterion
    | ServiceLevel
    | UrgencySigns
    | Hold
    | FacilityTier
    | Modality
    | Response
    | Schedule
    | MissedContact
    | MmeFactor
    | Medicines
    | Measure
    | Terms
    | Operation,
    Field(discriminator="kind"),
]
