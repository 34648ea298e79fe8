"""The words every part of Reliefpath shares: who acts, where care happens, how far a journey has come.

Values are codes: they travel in events, stand in database columns and appear in URLs, so they never change meaning.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, TypeAdapter

FACILITY_NAMESPACE: Final = UUID("6a5b6f0e-5d0c-5b7e-9a52-1f4f6d1f2b11")

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,79}$")]
"""A short code from a list somebody keeps. The only text an event may carry: it cannot hold a sentence or a name."""

Score = Annotated[int, Field(ge=0, le=10, strict=True)]
"""A numeric rating scale answer, 0 (none) to 10 (worst)."""

Percent = Annotated[float, Field(ge=-1000, le=100)]
"""Relief in percent of the baseline; negative when pain grew."""


NUMBER: Final = re.compile(r"\s*[-+]?[0-9.]+\s*")
_INSTANT: Final = TypeAdapter(AwareDatetime)
_DAY: Final = TypeAdapter(date)


def _instant(value: Any) -> Any:
    return _INSTANT.validate_python(_no_number(value)) if isinstance(value, str | int | float) else value


def _day(value: Any) -> Any:
    return _DAY.validate_python(_no_number(value)) if isinstance(value, str | int | float) else value


def _no_number(value: Any) -> Any:
    """Raise ValueError for what pydantic would count as seconds since 1970: nobody who writes 2026 means half past."""
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        raise ValueError("a time is written in ISO 8601, never as a number")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""A point in time with its offset, as somebody gives it."""

Day = Annotated[date, BeforeValidator(_day)]
"""A day, as somebody gives it."""


class Role(StrEnum):
    """Who may act. SYSTEM is Reliefpath itself: a reaction to an event or a deadline."""

    REFERRER = "referrer"
    COORDINATOR = "coordinator"
    CLINICIAN = "clinician"
    SCHEDULER = "scheduler"
    HOME_NURSE = "home_nurse"
    PATIENT = "patient"
    OPERATIONS = "operations"
    QUALITY = "quality"
    INTEGRATION = "integration"
    SYSTEM = "system"


class Side(StrEnum):
    """Which end of a referral an actor stands on: the facility that sent it or the one that received it."""

    SENDER = "sender"
    RECEIVER = "receiver"


class Setting(StrEnum):
    """Where the patient is being cared for."""

    HOSPITAL = "hospital"
    OUTPATIENT = "outpatient"
    HOME = "home"


class Urgency(StrEnum):
    """How soon a person needs to be seen; a clinician sets it, the software proposes it."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    SOON = "soon"
    ROUTINE = "routine"


class Stage(StrEnum):
    """How far a journey has come. Folded from events by `reliefpath.journey`, never set by hand."""

    REFERRED = "referred"
    ASSESSMENT = "assessment"
    CONFERENCE = "conference"
    DECISION = "decision"
    TRIAL = "trial"
    TRIAL_REVIEW = "trial_review"
    TREATMENT = "treatment"
    REASSESSMENT = "reassessment"
    CLOSED = "closed"


class Exit(StrEnum):
    """Why a journey is closed."""

    COMPLETED = "completed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    DECEASED = "deceased"
    TRANSFERRED = "transferred"
    EXPIRED = "expired"
    ENTERED_IN_ERROR = "entered_in_error"


class CourseKind(StrEnum):
    """A course is either a trial (does it help this person?) or the treatment itself."""

    TRIAL = "trial"
    TREATMENT = "treatment"


class Verdict(StrEnum):
    """What a trial or a treatment did. NO_DATA is not a failure: nobody knows."""

    RESPONDER = "responder"
    PARTIAL = "partial"
    NON_RESPONDER = "non_responder"
    NO_DATA = "no_data"


class Purpose(StrEnum):
    """What an appointment is for."""

    ASSESSMENT = "assessment"
    PROCEDURE = "procedure"
    REASSESSMENT = "reassessment"


class FacilityKind(StrEnum):
    """What sort of place a facility is."""

    HOSPITAL = "hospital"
    CLINIC = "clinic"
    HOME_CARE = "home_care"


class Profile(StrEnum):
    """How strict an installation is. Only DEVELOPMENT may shift the clock, use a development key or draft records."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


def facility_id(code: str) -> UUID:
    """The id of the facility with this code: the same in every service and every installation."""
    return uuid5(FACILITY_NAMESPACE, code)
