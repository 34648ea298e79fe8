"""A journey's stage, setting and exit, folded from what the referral service says about it.

Only one speaker's events are folded, in `seq` order. So every reader, whenever and from wherever it starts, arrives
at the same answer: topics are not ordered against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from reliefpath import events
from reliefpath.events import Event
from reliefpath.vocabulary import CourseKind, Exit, Setting, Stage

STAGE_AFTER: Final[dict[type[Event], Stage]] = {
    events.ReferralRequested: Stage.REFERRED,
    events.ReferralReopened: Stage.REFERRED,
    events.ReferralAccepted: Stage.ASSESSMENT,
    events.AssessmentRecorded: Stage.CONFERENCE,
    events.ConferenceHeld: Stage.DECISION,
    events.CourseProposed: Stage.DECISION,
    events.CourseDeclined: Stage.DECISION,
    events.CourseDenied: Stage.DECISION,
    events.CourseAbandoned: Stage.DECISION,
    events.CourseRepeated: Stage.DECISION,
    events.CourseEscalated: Stage.DECISION,
    events.CourseStopped: Stage.DECISION,
    events.ReferralCompleted: Stage.CLOSED,
    events.ReferralDeclined: Stage.CLOSED,
    events.ReferralWithdrawn: Stage.CLOSED,
    events.ReferralCancelled: Stage.CLOSED,
    events.ReferralExpired: Stage.CLOSED,
    events.ReferralEnteredInError: Stage.CLOSED,
    events.PatientDied: Stage.CLOSED,
}
"""The stage an event leads to, when the event alone decides it."""

STAGE_OF_COURSE: Final[dict[type[Event], dict[CourseKind, Stage]]] = {
    events.CourseAgreed: {CourseKind.TRIAL: Stage.TRIAL, CourseKind.TREATMENT: Stage.TREATMENT},
    events.CoursePerformed: {CourseKind.TRIAL: Stage.TRIAL, CourseKind.TREATMENT: Stage.TREATMENT},
    events.CourseReviewDue: {CourseKind.TRIAL: Stage.TRIAL_REVIEW, CourseKind.TREATMENT: Stage.REASSESSMENT},
    events.CourseJudged: {CourseKind.TRIAL: Stage.TRIAL_REVIEW, CourseKind.TREATMENT: Stage.REASSESSMENT},
    events.CourseContinued: {CourseKind.TRIAL: Stage.DECISION, CourseKind.TREATMENT: Stage.REASSESSMENT},
}
"""The stage an event leads to, when it depends on whether the course is a trial or the treatment."""

EXIT_AFTER: Final[dict[type[Event], Exit]] = {
    events.ReferralCompleted: Exit.COMPLETED,
    events.ReferralDeclined: Exit.DECLINED,
    events.ReferralWithdrawn: Exit.WITHDRAWN,
    events.ReferralCancelled: Exit.WITHDRAWN,
    events.ReferralExpired: Exit.EXPIRED,
    events.ReferralEnteredInError: Exit.ENTERED_IN_ERROR,
    events.PatientDied: Exit.DECEASED,
}


@dataclass(frozen=True, slots=True)
class Journey:
    """Where one patient's path stands."""

    stage: Stage
    setting: Setting
    since: datetime
    exit: Exit | None = None


def fold(journey: Journey | None, event: Event, at: datetime) -> Journey | None:
    """The journey after one more event of the referral service; None until a referral has been requested.

    A closed journey moves again only when it is reopened.
    """
    if journey is None:
        if not isinstance(event, events.ReferralRequested):
            return None
        return Journey(Stage.REFERRED, event.setting, at)
    if isinstance(event, events.CareMoved):
        return replace(journey, setting=event.setting)
    if journey.stage is Stage.CLOSED and not isinstance(event, events.ReferralReopened | events.PatientDied):
        return journey
    stage = STAGE_AFTER.get(type(event))
    if stage is None and isinstance(event, events.AboutCourse):
        stage = STAGE_OF_COURSE.get(type(event), {}).get(event.kind)
    if stage is None:
        return journey
    since = at if stage is not journey.stage else journey.since
    return Journey(stage, journey.setting, since, EXIT_AFTER.get(type(event)))
