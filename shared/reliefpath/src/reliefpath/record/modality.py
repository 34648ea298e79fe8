"""What can be done, where, after which trial, and which drugs are left off for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from reliefpath.record.form import Frozen, Record, RecordId
from reliefpath.record.span import Length
from reliefpath.vocabulary import Code, Setting


class BleedClass(StrEnum):
    """How much harm bleeding can do at the place of a procedure."""

    LOW = "low"
    INTERMEDIATE = "intermediate"
    HIGH = "high"


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
    bleed_variants: dict[Code, BleedClass] = Field(default_factory=dict)
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
