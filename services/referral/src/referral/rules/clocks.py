"""Until when the next step of a referral is to be done, by the records of service levels and of organisation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Urgency


class Clock(StrEnum):
    """What a referral's deadlines are about; the values name the deadlines."""

    UNANSWERED = "referral.unanswered"
    TRIAGE = "referral.triage"
    ASSESSMENT = "referral.assessment"
    INFORMATION = "referral.information"


def triage_due(urgency: Urgency, since: datetime, rulebook: Rulebook) -> datetime | None:
    """Until when somebody should have decided on the referral; in an emergency, spoken to somebody."""
    level = rulebook.service_level(urgency)
    length = level.triage or level.contact
    return None if length is None else since + length.longest


def assessment_due(urgency: Urgency, since: datetime, rulebook: Rulebook) -> datetime | None:
    """Until when the patient should have been seen, counted from the referral's first clock."""
    length = rulebook.service_level(urgency).assessment
    return None if length is None else since + length.longest


def clocks_of(
    state: str,
    urgency: Urgency | None,
    since: datetime,
    now: datetime,
    rulebook: Rulebook,
) -> dict[Clock, datetime]:
    """The deadlines that run in a state. Where nothing is said about the urgency, the clock of a routine one runs.

    `since` is when the present wait began: the first clock, or the end of an interruption that the receiver could not
    help. Interrupted referrals wait for the sender alone.
    """
    level = urgency or Urgency.ROUTINE
    due: dict[Clock, datetime | None] = {}
    if state == "requested":
        due[Clock.UNANSWERED] = now + rulebook.operation("OPS-REFERRAL-UNANSWERED").wait.longest
    if state in ("requested", "received"):
        due[Clock.TRIAGE] = triage_due(level, since, rulebook)
    if state == "accepted":
        due[Clock.ASSESSMENT] = assessment_due(level, since, rulebook)
    if state == "awaiting_information":
        due[Clock.INFORMATION] = now + rulebook.operation("OPS-INFORMATION-ANSWER").wait.longest
    return {clock: at for clock, at in due.items() if at is not None}
