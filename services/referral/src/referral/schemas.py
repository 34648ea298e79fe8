"""What the referral API shows."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from backbone.actions import AllowedAction
from referral.intake.facts import Address, Fact, Ignored, NotUnderstood, NotUsed
from referral.lifecycle import AttentionKind, AttentionState, CourseState, NoteKind, ReferralState
from reliefpath.lifecycle import Finding
from reliefpath.vocabulary import (
    CourseKind,
    Exit,
    FacilityKind,
    Role,
    Setting,
    Side,
    Stage,
    Urgency,
    Verdict,
)


class FacilityShown(BaseModel):
    """A facility as the directory last described it."""

    id: UUID
    code: str
    kind: FacilityKind
    capabilities: list[str]
    accepting: bool


class FacilityNamed(BaseModel):
    """A facility by its id, and its code when the directory has one for it."""

    id: UUID
    code: str | None = None


class IdentifierShown(BaseModel):
    """A number of the patient, who gave it, and what sort of number it is."""

    system: str | None
    value: str
    type: str | None


class PatientShown(BaseModel):
    """Who the patient is, as the sender described them. `born` is as written, also when only a year is known."""

    id: UUID
    family: str | None
    given: list[str]
    name: str | None
    born: str | None
    birth_date: date | None
    sex: str | None
    language: str | None
    phones: list[str]
    emails: list[str]
    addresses: list[Address]
    died: bool
    died_on: date | None
    identifiers: list[IdentifierShown]


class ProposalShown(BaseModel):
    """How soon the patient should be seen, as the records propose it, and why. A person decides."""

    urgency: Urgency | None
    reasons: list[Finding]


class NoteShown(BaseModel):
    """What somebody wrote."""

    kind: NoteKind
    text: str
    role: Role
    course: UUID | None
    written_at: datetime


class AssessmentShown(BaseModel):
    """What a pain clinician found. Scores are on the 0 to 10 scale."""

    average_pain: int | None
    worst_pain: int | None
    personal_pain_goal: int | None
    setting: Setting
    goal: str | None
    recorded_at: datetime


class ConferenceShown(BaseModel):
    """What a case conference recommended."""

    attendance: list[str]
    options: list[str]
    recommended: list[str]
    dissent: bool
    recorded_at: datetime


class DecisionShown(BaseModel):
    """What patient and clinician decided together."""

    goal: str
    options_discussed: list[str]
    risks_discussed: list[str]
    leaflet: str
    decided_by: str
    personal_pain_goal: int | None
    recorded_at: datetime


class AuthorisationShown(BaseModel):
    """What a payer was asked about this course alone, and what it answered."""

    outcome: str
    payer: str | None
    submission: str | None
    submitted_at: datetime
    reference: str | None
    valid_until: datetime | None
    reason_code: str | None
    decided_at: datetime | None


class CourseSummary(BaseModel):
    """One modality, tried once. `relief` is in percent of the baseline and absent when nobody can say."""

    id: UUID
    version: int
    journey: UUID
    referral: UUID
    kind: CourseKind
    modality: str
    state: CourseState
    follows: UUID | None
    setting: Setting | None
    baseline_pain: int | None
    personal_pain_goal: int | None
    appointment: UUID | None
    starts_at: datetime | None
    performed_at: datetime | None
    review_due_at: datetime | None
    suggested: Verdict | None
    relief: float | None
    verdict: Verdict | None
    decision: DecisionShown | None
    authorisation: AuthorisationShown | None
    updated_at: datetime


class CourseShown(CourseSummary):
    """A course, and what this caller may do now."""

    allowed_actions: list[AllowedAction]


class AttentionShown(BaseModel):
    """Something that needs a hand now. `facility` is whose hand; `subject` is the thing it is about."""

    id: UUID
    version: int
    journey: UUID
    referral: UUID
    facility: UUID
    kind: AttentionKind
    subject: UUID
    state: AttentionState
    raised_at: datetime
    ended_at: datetime | None
    outcome_code: str | None
    allowed_actions: list[AllowedAction]


class ReferralSummary(BaseModel):
    """A referral, what was done about it, and what this caller may do now."""

    id: UUID
    version: int
    journey: UUID
    state: ReferralState
    returns_to: ReferralState | None
    from_facility: FacilityNamed
    to_facility: FacilityNamed
    parent: UUID | None
    setting: Setting
    reason_code: str
    urgency: Urgency | None
    proposed_urgency: Urgency | None
    clock_started_at: datetime | None
    closed_at: datetime | None
    cancellation_by: Side | None
    asked_items: list[str]
    signs: list[str]
    as_of: date | None
    created_at: datetime
    updated_at: datetime
    patient: PatientShown
    proposal: ProposalShown
    assessments: list[AssessmentShown]
    conferences: list[ConferenceShown]
    notes: list[NoteShown]
    courses: list[CourseSummary]
    attentions: list[AttentionShown]
    your_sides: list[Side]
    allowed_actions: list[AllowedAction]


class ReferralShown(ReferralSummary):
    """A referral with everything its two sides need to decide.

    Also each fact with its source, what could not be read, and what is missing (advisory: needed only before a
    procedure).
    """

    missing: list[Finding]
    facts: list[Fact]
    not_understood: list[NotUnderstood]


class IntakeShown(BaseModel):
    """What became of a bundle: the referral it opened, now or before, and what was read from it.

    `new` is false when the same bundle had opened this referral before. `not_used` had no use in a referral; `ignored`
    is dated after the day of reading.
    """

    id: UUID
    version: int
    new: bool
    fingerprint: str
    read_on: date
    resources: int
    referral: ReferralSummary
    facts: list[Fact]
    not_understood: list[NotUnderstood]
    missing: list[Finding]
    not_used: list[NotUsed]
    ignored: list[Ignored]


class ReferralListed(BaseModel):
    """A referral as a line of a worklist.

    `hand` says why somebody at the caller's facilities should look at it now; empty when it is nobody's turn there.
    """

    id: UUID
    version: int
    journey: UUID
    state: ReferralState
    from_facility: FacilityNamed
    to_facility: FacilityNamed
    family: str | None
    given: list[str]
    birth_date: date | None
    setting: Setting
    urgency: Urgency | None
    proposed_urgency: Urgency | None
    clock_started_at: datetime | None
    stage: Stage | None
    updated_at: datetime
    hand: list[str]


class ReferralOfJourney(BaseModel):
    """A referral of a journey, without what only its sides need."""

    id: UUID
    state: ReferralState
    parent: UUID | None
    from_facility: FacilityNamed
    to_facility: FacilityNamed
    urgency: Urgency | None
    clock_started_at: datetime | None
    closed_at: datetime | None


class CourseOfJourney(BaseModel):
    """A course of a journey, without what only its sides need."""

    id: UUID
    kind: CourseKind
    modality: str
    state: CourseState
    follows: UUID | None
    starts_at: datetime | None
    performed_at: datetime | None
    verdict: Verdict | None


class JourneyShown(BaseModel):
    """Where one patient's path stands. Codes and times only: nothing here says who the patient is."""

    id: UUID
    stage: Stage
    setting: Setting
    since: datetime
    exit: Exit | None
    referrals: list[ReferralOfJourney]
    courses: list[CourseOfJourney]
    open_attentions: int
