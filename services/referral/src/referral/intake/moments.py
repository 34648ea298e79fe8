"""When something happened, as FHIR writes it: a year, a month, a day or an instant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from referral.intake.elements import Body, child, text

WRITTEN: Final = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?)?)?"
)

HAPPENED: Final[dict[str, tuple[str, ...]]] = {
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "ServiceRequest": ("authoredOn",),
    "Appointment": ("created",),
    "Patient": (),
}
"""Where a resource of this type says when it happened and when it was written down, best first."""

HAPPENED_ELSEWHERE: Final = (
    *("effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime", "performedPeriod"),
    *("occurrenceDateTime", "occurrencePeriod", "period", "billablePeriod", "started", "startDate", "authoredOn"),
    *("recordedDate", "onsetDateTime", "issued", "created", "date"),
)
"""The same for every other type."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written, the first day it can mean, and what it is sorted by (UTC; a day begins at midnight)."""

    written: str
    day: date
    order: datetime


def moment(value: object) -> Moment | None:
    """Read a FHIR date, dateTime or instant; None when it is none."""
    given = text(value)
    found = WRITTEN.fullmatch(given) if given else None
    if given is None or found is None:
        return None
    year, month, day, time, offset = found.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
        if time is None:
            return Moment(given, first, datetime(first.year, first.month, first.day, tzinfo=UTC))
        zone = "+00:00" if offset in (None, "Z") else offset
        clock = re.sub(r"(\.\d{6})\d+", r"\1", time)
        return Moment(given, first, datetime.fromisoformat(f"{first.isoformat()}T{clock}{zone}").astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def moments(body: Body, type: str) -> Iterator[Moment]:
    """Every time at which this resource says it happened or was written down, best first."""
    for name in HAPPENED.get(type, HAPPENED_ELSEWHERE):
        found = body.get(name)
        read = moment(child(body, name).get("start") if name.endswith(("Period", "period")) else found)
        if read is not None:
            yield read
