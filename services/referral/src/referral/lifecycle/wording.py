"""What people may write in a command: free text is bounded, and never travels further than this service's database."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from reliefpath.vocabulary import Code

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
"""Free text of one to 4000 characters. PostgreSQL cannot store NUL, so it is refused here."""

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
"""One line: a name, an identifier, a unit."""

Codes = Annotated[tuple[Code, ...], Field(max_length=50)]
"""A list of codes."""

SomeCodes = Annotated[tuple[Code, ...], Field(min_length=1, max_length=50)]
"""A list with at least one code."""


class NoteKind(StrEnum):
    """What a piece of free text is. All free text is kept as notes, apart from rows that hold codes."""

    REFERRAL = "referral"
    OVERRIDE = "override"
    ADVICE = "advice"
    QUESTION = "question"
    ANSWER = "answer"
    REASON = "reason"
    ASSESSMENT = "assessment"
    CONFERENCE = "conference"
    DISSENT = "dissent"
    DECISION = "decision"
    RATIONALE = "rationale"
    WAIVER = "waiver"
    VERDICT = "verdict"
    CLEARANCE = "clearance"
    CLOSING_REPORT = "closing_report"
