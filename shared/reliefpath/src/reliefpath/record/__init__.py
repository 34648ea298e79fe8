"""Clinical records: figures and lists of codes, each with its source and how far that source was verified.

Records are data, kept in `records/*.toml`. A new record of an existing kind needs no code; a new kind is a class here.
No record decides anything: a rule reads it, a suggestion names it by `ref`, and a clinician decides.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reliefpath.record.effect import Contact, MissedContact, MmeFactor, Response, Schedule
from reliefpath.record.form import Frozen, Record, RecordId, Source, Status, Verification
from reliefpath.record.modality import BleedClass, FacilityTier, Hold, HoldRule, Modality, Trial, TrialDays
from reliefpath.record.recognition import Measure, Medicine, Medicines, Terms
from reliefpath.record.span import DAYS_IN, HOURS_IN, Length, Span
from reliefpath.record.threshold import Criterion, Figure, Operation, ServiceLevel, UrgencySigns

__all__ = [
    "Record",
    "RecordId",
    "Status",
    "Verification",
    "Source",
    "Frozen",
    "Span",
    "Length",
    "DAYS_IN",
    "HOURS_IN",
    "Figure",
    "Criterion",
    "ServiceLevel",
    "UrgencySigns",
    "Operation",
    "BleedClass",
    "HoldRule",
    "Hold",
    "FacilityTier",
    "TrialDays",
    "Trial",
    "Modality",
    "Response",
    "Contact",
    "Schedule",
    "MissedContact",
    "MmeFactor",
    "Medicine",
    "Medicines",
    "Measure",
    "Terms",
    "AnyRecord",
]

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
