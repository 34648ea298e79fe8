"""What the follow-up service says: trials under observation, check-ins, and handovers to home teams."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from reliefpath.events.event import Event, Speaker
from reliefpath.vocabulary import Code, CourseKind, Percent, Score, Setting, Verdict


class AboutTrial(Event, abstract=True):
    """Said about the observation of one trial."""

    speaker: ClassVar[Speaker] = Speaker.FOLLOWUP
    trial: UUID
    course: UUID


class TrialPlanned(AboutTrial):
    """A trial is booked; its observation is prepared."""

    starts_at: datetime


class TrialStarted(AboutTrial):
    """The trial runs."""

    ends_at: datetime


class TrialExtended(AboutTrial):
    """It runs longer, for a reason."""

    ends_at: datetime
    reason_code: Code


class TrialVerdictDue(AboutTrial):
    """The trial's time is over; a clinician has to judge it. The suggestion is advice, never a verdict."""

    suggested: Verdict
    relief: Percent | None = None


class TrialJudged(AboutTrial):
    """A clinician judged the trial."""

    verdict: Verdict
    suggested: Verdict
    relief: Percent | None = None


class TrialAbandoned(AboutTrial):
    """It ended without a verdict, because something else closed it."""

    reason_code: Code


class ObservationStarted(Event):
    """The effect of a course is being watched by check-ins."""

    speaker: ClassVar[Speaker] = Speaker.FOLLOWUP
    course: UUID
    kind: CourseKind
    check_ins: int


class ReassessmentDue(Event):
    """The check-ins after a treatment are done; a clinician has to say what it did. The suggestion is advice."""

    speaker: ClassVar[Speaker] = Speaker.FOLLOWUP
    course: UUID
    suggested: Verdict
    relief: Percent | None = None
    completed: int
    planned: int


class AboutCheckIn(Event, abstract=True):
    """Said about one check-in: one short contact after a procedure."""

    speaker: ClassVar[Speaker] = Speaker.FOLLOWUP
    check_in: UUID
    course: UUID


class CheckInScheduled(AboutCheckIn):
    """A contact is planned."""

    due_at: datetime


class CheckInDue(AboutCheckIn):
    """It is time to answer."""


class CheckInCompleted(AboutCheckIn):
    """The patient, or somebody for them, answered."""

    average_pain: Score
    worst_pain: Score | None = None
    rescue_doses: int | None = None


class CheckInMissed(AboutCheckIn):
    """No answer in time; a nurse tries again."""

    attempts: int


class CheckInLost(AboutCheckIn):
    """No answer after every try; a person has to look."""


class CheckInCancelled(AboutCheckIn):
    """No longer wanted."""

    reason_code: Code


class AboutHandover(Event, abstract=True):
    """Said about handing a patient's care to a home team."""

    speaker: ClassVar[Speaker] = Speaker.FOLLOWUP
    handover: UUID
    referral: UUID
    to_facility: UUID


class HandoverOffered(AboutHandover):
    """A home team was asked to take over."""

    from_facility: UUID
    answer_by: datetime
    follows: UUID | None = None


class HandoverAccepted(AboutHandover):
    """The home team will take over."""


class HandoverRefused(AboutHandover):
    """The home team cannot take over."""

    reason_code: Code


class HandoverTimedOut(AboutHandover):
    """The home team did not answer in time; a coordinator has to act."""


class HandoverActivated(AboutHandover):
    """The home team has taken over."""

    setting: Setting = Setting.HOME


class HandoverReturned(AboutHandover):
    """The home team gave the patient's care back."""

    setting: Setting
    reason_code: Code


class HandoverEnded(AboutHandover):
    """It is over."""

    reason_code: Code
