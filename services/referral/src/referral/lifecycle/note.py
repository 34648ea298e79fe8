"""The kinds of free text that people write about a referral."""

from __future__ import annotations

from enum import StrEnum


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
