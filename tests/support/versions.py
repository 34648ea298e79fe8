"""A second version of an event, as one would be declared: the way to change what earlier readers could not bear.

A decline used to give one reason and gives several now. That is no change within v1, as readers rely on `reason_code`:
it is a v2 beside it. Services say v2 from the day on which every hearer knows it; v1 stays on the topics for ever, and
reactions meet only v2, as `upcast` makes one of each v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from reliefpath import events
from reliefpath.events import CATALOGUE, LATER
from reliefpath.vocabulary import Code


@contextmanager
def second_version() -> Iterator[Any]:
    """`ReferralDeclined` v2, known to the catalogue while this lasts."""

    class ReferralDeclined(events.AboutReferral):
        """The receiving facility will not see the patient, for one or more reasons."""

        version = 2
        earlier = events.ReferralDeclined

        reason_codes: tuple[Code, ...]

        @classmethod
        def upcast(cls, earlier: events.ReferralDeclined) -> Self:
            return cls(referral=earlier.referral, reason_codes=(earlier.reason_code,))

    try:
        yield ReferralDeclined
    finally:
        del CATALOGUE[ReferralDeclined.type], LATER[events.ReferralDeclined.type]
