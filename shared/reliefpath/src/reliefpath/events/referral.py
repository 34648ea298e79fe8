"""What the referral service says: the referral's own path, and each course of treatment."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from reliefpath.events.event import Event, Speaker
from reliefpath.vocabulary import Code, CourseKind, Score, Setting, Urgency, Verdict


class AboutReferral(Event, abstract=True):
    """Said about one referral of the journey."""

    speaker: ClassVar[Speaker] = Speaker.REFERRAL
    referral: UUID


class ReferralRequested(AboutReferral):
    """A facility asked another to see a patient. Said again for the child when a referral is redirected."""

    from_facility: UUID
    to_facility: UUID
    setting: Setting
    clock_started_at: datetime
    proposed_urgency: Urgency | None = None
    reason_code: Code | None = None
    missing: tuple[Code, ...] = ()
    parent: UUID | None = None


class ReferralReceived(AboutReferral):
    """The receiving facility has it in hand."""


class ReferralAccepted(AboutReferral):
    """The receiving facility will see the patient. Carries what a scheduler must know: urgency and drugs to hold."""

    from_facility: UUID
    to_facility: UUID
    urgency: Urgency
    setting: Setting
    antithrombotics: tuple[Code, ...] = ()


class ReferralDeclined(AboutReferral):
    """The receiving facility will not see the patient, and told the referrer what to do instead."""

    reason_code: Code


class InformationRequested(AboutReferral):
    """Something is missing; the referral keeps its place while the sender looks for it."""

    items: tuple[Code, ...]


class InformationSupplied(AboutReferral):
    """The sender answered; the referral is back where it was."""

    items: tuple[Code, ...] = ()


class ReferralRedirected(AboutReferral):
    """Another facility is the better place; the child referral goes on there under the first clock."""

    child: UUID
    to_facility: UUID
    reason_code: Code


class ReferralHeld(AboutReferral):
    """Nothing can go on for now."""

    reason_code: Code


class ReferralResumed(AboutReferral):
    """It goes on where it was held."""


class ReferralWithdrawn(AboutReferral):
    """The sender took the referral back before it was accepted."""

    reason_code: Code


class CancellationRequested(AboutReferral):
    """One side wants an accepted referral cancelled; the other has to agree."""

    reason_code: Code


class CancellationRefused(AboutReferral):
    """The other side does not agree; the referral is back where it was."""

    reason_code: Code


class ReferralCancelled(AboutReferral):
    """Both sides agreed that nothing more is to be done."""


class ReferralExpired(AboutReferral):
    """Nobody took it up, or nobody answered, in time."""


class ReferralEnteredInError(AboutReferral):
    """It should never have been."""

    reason_code: Code


class ReferralReopened(AboutReferral):
    """A closed referral goes on, under its first clock."""

    reason_code: Code


class ReferralCompleted(AboutReferral):
    """All is done and the closing report went back to the referrer."""


class PatientDied(AboutReferral):
    """The patient has died. Whatever is open closes, everywhere, and nobody is reminded of anything."""

    died_on: datetime | None = None


class AssessmentRecorded(AboutReferral):
    """A pain clinician saw the patient."""

    average_pain: Score | None = None
    worst_pain: Score | None = None
    personal_pain_goal: Score | None = None
    setting: Setting


class ConferenceHeld(AboutReferral):
    """The case conference gave its recommendation."""

    recommended: tuple[Code, ...]
    dissent: bool = False


class CareMoved(AboutReferral):
    """The patient is now cared for in another setting."""

    setting: Setting


class AboutCourse(Event, abstract=True):
    """Said about one course: one modality, tried once."""

    speaker: ClassVar[Speaker] = Speaker.REFERRAL
    course: UUID
    referral: UUID
    kind: CourseKind
    modality: Code


class CourseProposed(AboutCourse):
    """A clinician suggests a modality to the patient."""

    follows: UUID | None = None


class CourseAgreed(AboutCourse):
    """Patient and clinician decided for it together."""


class CourseDeclined(AboutCourse):
    """The patient decided against it."""


class AuthorisationSubmitted(AboutCourse):
    """The payer was asked for this course alone; a trial's authorisation never covers the implant."""


class CourseAuthorised(AboutCourse):
    """The payer agreed, until a day."""

    valid_until: datetime | None = None


class CourseDenied(AboutCourse):
    """The payer refused; a new request is a new course."""


class CourseRequested(AboutCourse):
    """Please book it. Carries what scheduling and follow-up need to know."""

    facility: UUID
    urgency: Urgency
    setting: Setting
    antithrombotics: tuple[Code, ...] = ()
    baseline_pain: Score | None = None
    personal_pain_goal: Score | None = None
    valid_until: datetime | None = None


class CourseBooked(AboutCourse):
    """A time, a place and people are reserved."""

    appointment: UUID
    starts_at: datetime


class CourseUnbooked(AboutCourse):
    """The booking fell through; the course waits for another."""

    appointment: UUID


class CoursePerformed(AboutCourse):
    """It has been done."""

    performed_at: datetime
    facility: UUID
    setting: Setting
    baseline_pain: Score | None = None
    personal_pain_goal: Score | None = None


class CourseObserving(AboutCourse):
    """Its effect is being watched."""


class CourseReviewDue(AboutCourse):
    """What it did is to be judged now."""


class CourseJudged(AboutCourse):
    """A clinician said what it did."""

    verdict: Verdict


class CourseContinued(AboutCourse):
    """It helps: a trial leads to its treatment, a treatment goes on."""


class CourseRepeated(AboutCourse):
    """The same again, as a new course."""


class CourseEscalated(AboutCourse):
    """It did not help enough: on to another modality."""


class CourseStopped(AboutCourse):
    """It ends here."""


class CourseAbandoned(AboutCourse):
    """It was given up before it was judged, because something else closed it."""

    reason_code: Code
