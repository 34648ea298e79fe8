"""The life of a course: one modality, tried once, from proposal to what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID

from referral.rules import course as rules
from reliefpath import events
from reliefpath.lifecycle import Command, Lifecycle, Transition
from reliefpath.vocabulary import Code, CourseKind, Instant, Role, Score, Setting, Side, Urgency, Verdict
from reliefpath.wording import Because, Line, SomeCodes, Text


class CourseState(StrEnum):
    """Where a course stands."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    AUTHORISING = "authorising"
    AUTHORISED = "authorised"
    REQUESTED = "requested"
    BOOKED = "booked"
    PERFORMED = "performed"
    OBSERVING = "observing"
    JUDGED = "judged"
    CONTINUED = "continued"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    STOPPED = "stopped"
    DECLINED_BY_PATIENT = "declined_by_patient"
    DENIED = "denied"
    ABANDONED = "abandoned"


class Propose(Command):
    """A clinician suggests a modality.

    `follows` is the course it comes after; `waived_because` says why a treatment goes without its trial, where a record
    lets a clinician decide so.
    """

    kind: CourseKind
    modality: Code
    follows: UUID | None = None
    rationale: Text | None = None
    waived_because: Text | None = None


class Agree(Command):
    """What patient and clinician decided together, and on what ground.

    `goal` is in the patient's own words. `decided_by` is `patient`, or the capacity in which somebody else decided.
    `leaflet` is the version of the leaflet the patient was given.
    """

    goal: Text
    options_discussed: SomeCodes
    risks_discussed: SomeCodes
    leaflet: Code
    decided_by: Code = "patient"
    personal_pain_goal: Score | None = None
    note: Text | None = None


class SubmitAuthorisation(Command):
    """The payer is asked; `payer` is a code, `submission` the sender's own number for it."""

    payer: Code | None = None
    submission: Line | None = None


class Authorise(Command):
    """What the payer granted: its reference, and the last moment at which the procedure may begin."""

    reference: Line
    valid_until: Instant | None = None


class RequestBooking(Command):
    """What scheduling should know. What is left out is taken from the referral."""

    urgency: Urgency | None = None
    setting: Setting | None = None


class Judge(Command):
    """What a treatment did, as a clinician sees it."""

    verdict: Verdict
    note: Text | None = None


class Continue(Command):
    """It helps, and goes on. `override_reason` is needed when the verdict does not say so."""

    override_reason: Text | None = None


class Next(Command):
    """What becomes of it now, and why. The next course, if there is one, is proposed with `follows`."""

    reason_code: Code | None = None
    note: Text | None = None


S = CourseState

CLINICIAN = frozenset({Role.CLINICIAN})
COORDINATOR = frozenset({Role.COORDINATOR})
SYSTEM = frozenset({Role.SYSTEM})
TERMINAL = frozenset({S.CONTINUED, S.REPEATED, S.ESCALATED, S.STOPPED, S.DECLINED_BY_PATIENT, S.DENIED, S.ABANDONED})
OPEN = frozenset(S) - TERMINAL

COURSE: Final = Lifecycle(
    name="course",
    states=CourseState,
    terminal=TERMINAL,
    transitions=(
        Transition(
            action="propose",
            label="Propose a modality",
            target=S.PROPOSED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Propose,
            guards=(
                rules.the_referral_is_active,
                rules.the_modality_is_known,
                rules.the_trial_comes_first,
                rules.what_it_follows_is_over,
            ),
            emits=(events.CourseProposed,),
        ),
        Transition(
            action="agree",
            label="Record the shared decision",
            sources=frozenset({S.PROPOSED}),
            target=S.AGREED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Agree,
            guards=(rules.the_referral_is_active,),
            emits=(events.CourseAgreed,),
        ),
        Transition(
            action="decline",
            label="Record that the patient decided against it",
            sources=frozenset({S.PROPOSED, S.AGREED}),
            target=S.DECLINED_BY_PATIENT,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Because,
            emits=(events.CourseDeclined,),
        ),
        Transition(
            action="submit-authorisation",
            label="Ask the payer",
            sources=frozenset({S.AGREED}),
            target=S.AUTHORISING,
            by=COORDINATOR,
            side=Side.RECEIVER,
            command=SubmitAuthorisation,
            guards=(rules.the_referral_is_active,),
            emits=(events.AuthorisationSubmitted,),
        ),
        Transition(
            action="authorise",
            label="Record that the payer agreed",
            sources=frozenset({S.AUTHORISING}),
            target=S.AUTHORISED,
            by=COORDINATOR,
            side=Side.RECEIVER,
            command=Authorise,
            guards=(rules.what_was_granted_is_still_to_come,),
            emits=(events.CourseAuthorised,),
        ),
        Transition(
            action="deny",
            label="Record that the payer refused",
            sources=frozenset({S.AUTHORISING}),
            target=S.DENIED,
            by=COORDINATOR,
            side=Side.RECEIVER,
            command=Because,
            emits=(events.CourseDenied,),
        ),
        Transition(
            action="request",
            label="Ask scheduling for a time",
            sources=frozenset({S.AUTHORISED}),
            target=S.REQUESTED,
            by=COORDINATOR,
            side=Side.RECEIVER,
            command=RequestBooking,
            guards=(
                rules.the_referral_is_active,
                rules.the_authorisation_is_valid,
                rules.the_baseline_is_known,
            ),
            emits=(events.CourseRequested,),
        ),
        Transition(
            action="book",
            label="A time is reserved",
            sources=frozenset({S.REQUESTED}),
            target=S.BOOKED,
            by=SYSTEM,
            emits=(events.CourseBooked,),
        ),
        Transition(
            action="unbook",
            label="The reserved time fell through",
            sources=frozenset({S.BOOKED}),
            target=S.REQUESTED,
            by=SYSTEM,
            emits=(events.CourseUnbooked,),
        ),
        Transition(
            action="perform",
            label="It has been done",
            sources=frozenset({S.BOOKED}),
            target=S.PERFORMED,
            by=SYSTEM,
            emits=(events.CoursePerformed,),
        ),
        Transition(
            action="observe",
            label="Its effect is being watched",
            sources=frozenset({S.PERFORMED}),
            target=S.OBSERVING,
            by=SYSTEM,
            emits=(events.CourseObserving,),
        ),
        Transition(
            action="review",
            label="It is to be judged now",
            sources=frozenset({S.OBSERVING}),
            target=S.OBSERVING,
            by=SYSTEM,
            emits=(events.CourseReviewDue,),
        ),
        Transition(
            action="judge",
            label="Say what the treatment did",
            sources=frozenset({S.OBSERVING}),
            target=S.JUDGED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Judge,
            guards=(rules.it_is_a_treatment, rules.its_review_is_due),
            emits=(events.CourseJudged,),
        ),
        Transition(
            action="record-verdict",
            label="The trial was judged in follow-up",
            sources=frozenset({S.OBSERVING}),
            target=S.JUDGED,
            by=SYSTEM,
            guards=(rules.it_is_a_trial,),
            emits=(events.CourseJudged,),
        ),
        Transition(
            action="continue",
            label="Go on with what helps",
            sources=frozenset({S.JUDGED}),
            target=S.CONTINUED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Continue,
            guards=(rules.it_helped,),
            emits=(events.CourseContinued,),
        ),
        Transition(
            action="repeat",
            label="Do the same again, as a new course",
            sources=frozenset({S.JUDGED}),
            target=S.REPEATED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Next,
            emits=(events.CourseRepeated,),
        ),
        Transition(
            action="escalate",
            label="Go on to another modality",
            sources=frozenset({S.JUDGED}),
            target=S.ESCALATED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Next,
            emits=(events.CourseEscalated,),
        ),
        Transition(
            action="stop",
            label="End it here",
            sources=frozenset({S.JUDGED}),
            target=S.STOPPED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Next,
            emits=(events.CourseStopped,),
        ),
        Transition(
            action="abandon",
            label="Give it up before it is judged",
            sources=OPEN,
            target=S.ABANDONED,
            by=frozenset({Role.CLINICIAN, Role.COORDINATOR, Role.SYSTEM}),
            side=Side.RECEIVER,
            command=Because,
            emits=(events.CourseAbandoned,),
        ),
    ),
)
