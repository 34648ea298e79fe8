"""A patient and facts as a person types them, when there is no bundle to read them from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from referral.intake.facts import FactKind
from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Code, Day, Setting, Urgency
from reliefpath.wording import Line


class IdentifierGiven(Command):
    """A number of the patient, and who gave it (a URI)."""

    system: Line | None = None
    value: Line


class PatientGiven(Command):
    """Who the patient is. Without an identifier nobody could tell that two referrals are about one person."""

    identifiers: Annotated[tuple[IdentifierGiven, ...], Field(min_length=1, max_length=20)]
    family: Line
    given: Annotated[tuple[Line, ...], Field(max_length=10)] = ()
    birth_date: Day | None = None
    sex: Literal["female", "male", "other", "unknown"] | None = None
    phones: Annotated[tuple[Line, ...], Field(max_length=10)] = ()


class FactGiven(Command):
    """One fact, with the day it is about.

    `value` is in the unit that the rulebook keeps for this kind, unless `unit` says otherwise; `drug` is our code for
    an ingredient; `current` says whether a diagnosis or drug still holds.
    """

    kind: FactKind
    code: Code | None = None
    drug: Code | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | Line | None = None
    unit: Line | None = None
    display: Line | None = None
    current: bool | None = None
    on: Day | None = None


class Asked(Command):
    """What a sender asks for, besides whom it is about.

    `to` and `sender` are codes of facilities; `sender` is needed only by a caller who acts for several. `urgency` is
    how soon, as the sender sees it, and `signs` are signs of urgency as the rulebook names them.
    """

    to: Code
    sender: Code | None = None
    setting: Setting
    reason_code: Code
    urgency: Urgency | None = None
    signs: Annotated[tuple[Code, ...], Field(max_length=20)] = ()


class AskedOfBundle(Asked):
    """What a sender asks for beside a bundle. `as_of` reads the record as it stood on that day, in development only."""

    as_of: Day | None = None
