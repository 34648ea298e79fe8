"""The life of a referral: from the sender's draft to the closing report, with every loop and exit between."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from referral.lifecycle.given import Asked, FactGiven, PatientGiven
from referral.rules import referral as rules
from reliefpath import events
from reliefpath.lifecycle import TO_WHERE_IT_WAS, Command, Lifecycle, Transition
from reliefpath.vocabulary import Code, Day, Role, Score, Setting, Side, Urgency
from reliefpath.wording import Because, Codes, SomeCodes, Text


class ReferralState(StrEnum):
    """Where a referral stands."""

    DRAFT = "draft"
    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    AWAITING_INFORMATION = "awaiting_information"
    ON_HOLD = "on_hold"
    CANCELLATION_REQUESTED = "cancellation_requested"
    COMPLETED = "completed"
    DECLINED = "declined"
    REDIRECTED = "redirected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered_in_error"


Facts = Annotated[tuple[FactGiven, ...], Field(max_length=500)]


class Create(Asked):
    """A referral written by hand."""

    patient: PatientGiven
    facts: Facts = ()
    note: Text | None = None


class Accept(Command):
    """The receiver takes it, with the urgency a person decided.

    `override_reason` takes it although something essential is missing.
    """

    urgency: Urgency
    override_reason: Text | None = None


class Decline(Command):
    """The receiver does not take it, and says what the referrer should do instead."""

    reason_code: Code
    advice: Text


class AskInformation(Command):
    """What the sender should look for."""

    items: SomeCodes
    question: Text | None = None


class SupplyInformation(Command):
    """The sender's answer."""

    items: Codes = ()
    facts: Facts = ()
    answer: Text | None = None


class Redirect(Command):
    """Another facility is the better place."""

    to: Code
    reason_code: Code
    note: Text | None = None


class Assess(Command):
    """What the pain clinician found. Scores are on the 0 to 10 scale; a score that was not asked is left out."""

    average_pain: Score | None = None
    worst_pain: Score | None = None
    personal_pain_goal: Score | None = None
    setting: Setting
    goal: Text | None = None
    note: Text | None = None


class Confer(Command):
    """What the case conference recommends. `dissent` is written down in the dissenter's words."""

    attendance: SomeCodes
    options: Codes = ()
    recommended: SomeCodes
    note: Text | None = None
    dissent: Text | None = None


class Complete(Command):
    """The closing report to the referrer, without which nothing is complete."""

    report: Text
    outcome_code: Code | None = None


class RecordDeath(Command):
    """The patient has died; the day, if known."""

    died_on: Day | None = None


S = ReferralState

REFERRERS = frozenset({Role.REFERRER, Role.COORDINATOR, Role.HOME_NURSE, Role.INTEGRATION})
DECIDERS = frozenset({Role.COORDINATOR, Role.CLINICIAN})
CARERS = frozenset({Role.REFERRER, Role.COORDINATOR, Role.CLINICIAN, Role.HOME_NURSE})
TRIAGE = frozenset({S.RECEIVED, S.ACCEPTED})
UNDER_WAY = frozenset({S.RECEIVED, S.ACCEPTED, S.ACTIVE})
TERMINAL = frozenset({S.COMPLETED, S.DECLINED, S.REDIRECTED, S.EXPIRED, S.CANCELLED, S.ENTERED_IN_ERROR})
OPEN = frozenset(S) - TERMINAL
MAY_BE_SENT_AGAIN: Final = TERMINAL - {S.REDIRECTED}
"""Once a referral has ended like this, the same bundle opens a new one; a redirected one goes on elsewhere."""

REFERRAL: Final = Lifecycle(
    name="referral",
    states=ReferralState,
    terminal=TERMINAL,
    transitions=(
        Transition(
            action="create",
            label="Write a referral",
            target=S.DRAFT,
            by=REFERRERS,
            command=Create,
            guards=(rules.the_patient_is_alive, rules.the_destination_takes_referrals),
        ),
        Transition(
            action="send",
            label="Send it",
            sources=frozenset({S.DRAFT}),
            target=S.REQUESTED,
            by=REFERRERS,
            side=Side.SENDER,
            guards=(rules.the_destination_takes_referrals, rules.nothing_essential_should_be_missing),
            emits=(events.ReferralRequested,),
        ),
        Transition(
            action="receive",
            label="Take it in hand",
            sources=frozenset({S.REQUESTED}),
            target=S.RECEIVED,
            by=frozenset({Role.COORDINATOR}),
            side=Side.RECEIVER,
            emits=(events.ReferralReceived,),
        ),
        Transition(
            action="accept",
            label="Accept it",
            sources=frozenset({S.RECEIVED}),
            target=S.ACCEPTED,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=Accept,
            guards=(rules.nothing_essential_is_missing, rules.the_urgency_is_not_below_the_proposal),
            emits=(events.ReferralAccepted,),
        ),
        Transition(
            action="decline",
            label="Decline it with advice",
            sources=TRIAGE,
            target=S.DECLINED,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=Decline,
            emits=(events.ReferralDeclined,),
        ),
        Transition(
            action="ask-information",
            label="Ask the sender for what is missing",
            sources=UNDER_WAY,
            target=S.AWAITING_INFORMATION,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=AskInformation,
            emits=(events.InformationRequested,),
        ),
        Transition(
            action="supply-information",
            label="Answer what was asked",
            sources=frozenset({S.AWAITING_INFORMATION}),
            target=TO_WHERE_IT_WAS,
            by=REFERRERS,
            side=Side.SENDER,
            command=SupplyInformation,
            emits=(events.InformationSupplied,),
        ),
        Transition(
            action="redirect",
            label="Redirect it to a better place",
            sources=TRIAGE,
            target=S.REDIRECTED,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=Redirect,
            guards=(rules.the_destination_takes_referrals,),
            emits=(events.ReferralRedirected,),
        ),
        Transition(
            action="continue-elsewhere",
            label="Go on at the place it was redirected to",
            target=S.REQUESTED,
            by=frozenset({Role.SYSTEM}),
            emits=(events.ReferralRequested,),
        ),
        Transition(
            action="hold",
            label="Put it on hold",
            sources=UNDER_WAY,
            target=S.ON_HOLD,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=Because,
            emits=(events.ReferralHeld,),
        ),
        Transition(
            action="resume",
            label="Go on",
            sources=frozenset({S.ON_HOLD}),
            target=TO_WHERE_IT_WAS,
            by=DECIDERS,
            side=Side.RECEIVER,
            emits=(events.ReferralResumed,),
        ),
        Transition(
            action="withdraw",
            label="Take it back",
            sources=frozenset({S.DRAFT, S.REQUESTED, S.RECEIVED}),
            target=S.CANCELLED,
            by=REFERRERS,
            side=Side.SENDER,
            command=Because,
            emits=(events.ReferralWithdrawn,),
        ),
        Transition(
            action="request-cancellation",
            label="Ask the other side to cancel it",
            sources=frozenset({S.ACCEPTED, S.ACTIVE, S.ON_HOLD, S.AWAITING_INFORMATION}),
            target=S.CANCELLATION_REQUESTED,
            by=CARERS,
            command=Because,
            guards=(rules.the_caller_stands_on_a_side,),
            emits=(events.CancellationRequested,),
        ),
        Transition(
            action="confirm-cancellation",
            label="Agree to the cancellation",
            sources=frozenset({S.CANCELLATION_REQUESTED}),
            target=S.CANCELLED,
            by=CARERS,
            guards=(rules.the_other_side_answers,),
            emits=(events.ReferralCancelled,),
        ),
        Transition(
            action="refuse-cancellation",
            label="Do not agree to the cancellation",
            sources=frozenset({S.CANCELLATION_REQUESTED}),
            target=TO_WHERE_IT_WAS,
            by=CARERS,
            command=Because,
            guards=(rules.the_other_side_answers,),
            emits=(events.CancellationRefused,),
        ),
        Transition(
            action="assess",
            label="Record the assessment",
            sources=frozenset({S.ACCEPTED, S.ACTIVE}),
            target=S.ACTIVE,
            by=frozenset({Role.CLINICIAN}),
            side=Side.RECEIVER,
            command=Assess,
            emits=(events.AssessmentRecorded,),
        ),
        Transition(
            action="confer",
            label="Record the case conference",
            sources=frozenset({S.ACTIVE}),
            target=S.ACTIVE,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=Confer,
            emits=(events.ConferenceHeld,),
        ),
        Transition(
            action="complete",
            label="Complete it with the closing report",
            sources=frozenset({S.ACTIVE}),
            target=S.COMPLETED,
            by=DECIDERS,
            side=Side.RECEIVER,
            command=Complete,
            guards=(rules.no_course_is_open,),
            emits=(events.ReferralCompleted,),
        ),
        Transition(
            action="expire",
            label="Let it expire unanswered",
            sources=frozenset({S.REQUESTED, S.AWAITING_INFORMATION}),
            target=S.EXPIRED,
            by=frozenset({Role.SYSTEM}),
            guards=(rules.nobody_is_in_care,),
            emits=(events.ReferralExpired,),
        ),
        Transition(
            action="enter-in-error",
            label="Say that it should never have been",
            sources=OPEN,
            target=S.ENTERED_IN_ERROR,
            by=frozenset({Role.REFERRER, Role.COORDINATOR}),
            command=Because,
            guards=(rules.the_caller_stands_on_a_side,),
            emits=(events.ReferralEnteredInError,),
        ),
        Transition(
            action="record-death",
            label="Record that the patient has died",
            sources=OPEN,
            target=S.CANCELLED,
            by=CARERS,
            command=RecordDeath,
            emits=(events.PatientDied,),
        ),
        Transition(
            action="reopen",
            label="Go on with a closed referral",
            sources=frozenset({S.DECLINED, S.EXPIRED, S.CANCELLED, S.COMPLETED}),
            target=S.RECEIVED,
            by=frozenset({Role.REFERRER, Role.COORDINATOR, Role.CLINICIAN}),
            command=Because,
            guards=(rules.the_caller_stands_on_a_side, rules.the_patient_is_alive, rules.it_had_been_sent),
            emits=(events.ReferralReopened,),
        ),
    ),
)
