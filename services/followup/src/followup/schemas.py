"""What the follow-up API shows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from backbone.actions import AllowedAction
from followup.lifecycle import CheckInState, HandoverState, ObservationState, TrialState
from reliefpath.lifecycle import Finding
from reliefpath.vocabulary import CourseKind, Role, Setting, Side, Verdict


class FacilityNamed(BaseModel):
    """A facility by its id, and its code when the directory has one for it."""

    id: UUID
    code: str | None = None


class RemarkShown(BaseModel):
    """What somebody wrote about an action."""

    action: str
    text: str
    role: Role
    at: datetime


class SuggestionShown(BaseModel):
    """What the records suggest, and why. `relief` is in percent of the baseline, absent when nobody can say.

    `check_in`, `planned_for` and `average_pain` are those of the answer that counts.
    """

    verdict: Verdict
    relief: float | None
    check_in: UUID | None
    planned_for: datetime | None
    average_pain: int | None
    rules: list[str]
    advice: list[Finding]


class CheckInShown(BaseModel):
    """One contact after a procedure. Scores are on the 0 to 10 scale; `attempts` counts the times nobody answered."""

    id: UUID
    version: int
    journey: UUID
    course: UUID
    state: CheckInState
    due_at: datetime
    answer_by: datetime | None
    retry_at: datetime | None
    attempts: int
    channel: str
    purpose: str
    average_pain: int | None
    worst_pain: int | None
    rescue_doses: int | None
    answered_at: datetime | None
    answered_by: Role | None
    reason_code: str | None
    remarks: list[RemarkShown]
    updated_at: datetime
    allowed_actions: list[AllowedAction]


class CheckInOfCourse(BaseModel):
    """A contact as one of its series."""

    id: UUID
    state: CheckInState
    due_at: datetime
    attempts: int
    purpose: str
    average_pain: int | None
    worst_pain: int | None
    rescue_doses: int | None
    answered_at: datetime | None


class ObservationListed(BaseModel):
    """The watching of one course, as a line of a list. Its id is the course's."""

    id: UUID
    version: int
    journey: UUID
    referral: UUID
    kind: CourseKind
    modality: str
    state: ObservationState
    performed_at: datetime | None
    planned: int
    updated_at: datetime


class ObservationShown(ObservationListed):
    """The watching of one course: its contacts, and what they suggest so far."""

    facility: FacilityNamed | None
    baseline_pain: int | None
    personal_pain_goal: int | None
    suggestion: SuggestionShown
    check_ins: list[CheckInOfCourse]


class TrialListed(BaseModel):
    """A trial as a line of a worklist. `overdue` says that it should have been judged by now."""

    id: UUID
    version: int
    journey: UUID
    course: UUID
    modality: str
    state: TrialState
    starts_at: datetime | None
    started_at: datetime | None
    ends_at: datetime | None
    verdict_by: datetime | None
    overdue: bool
    suggested: Verdict | None
    verdict: Verdict | None
    updated_at: datetime


class TrialShown(TrialListed):
    """A trial with what was observed, what the records suggest now, and what this caller may do.

    `suggested` and `relief` are what was suggested when the verdict fell due or was given; `suggestion` is the present.
    """

    referral: UUID
    baseline_pain: int | None
    personal_pain_goal: int | None
    relief: float | None
    judged_at: datetime | None
    reason_code: str | None
    suggestion: SuggestionShown
    check_ins: list[CheckInOfCourse]
    remarks: list[RemarkShown]
    your_sides: list[Side]
    allowed_actions: list[AllowedAction]


class HandoverShown(BaseModel):
    """A home team asked to take a patient over. `setting` is where the patient went when the care was given back."""

    id: UUID
    version: int
    journey: UUID
    referral: UUID
    state: HandoverState
    from_facility: FacilityNamed
    to_facility: FacilityNamed
    follows: UUID | None
    answer_by: datetime
    setting: Setting | None
    reason_code: str | None
    created_at: datetime
    updated_at: datetime
    remarks: list[RemarkShown]
    your_sides: list[Side]
    allowed_actions: list[AllowedAction]
