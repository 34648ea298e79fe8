"""Where a journey stands: the same answer for everybody who folds the referral service's events in their order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliefpath import events, journey
from reliefpath.events import CATALOGUE, Event, Speaker
from reliefpath.journey import EXIT_AFTER, STAGE_AFTER, STAGE_OF_COURSE, Journey, fold
from reliefpath.vocabulary import CourseKind, Exit, Setting, Stage, Verdict
from tests.support.sayings import any_event, events_of

ID = UUID(int=1)
DAY = datetime(2026, 11, 23, tzinfo=UTC)
REQUESTED = events.ReferralRequested(
    referral=ID, from_facility=ID, to_facility=ID, setting=Setting.OUTPATIENT, clock_started_at=DAY
)


def trial(cls: type[Event], kind: CourseKind = CourseKind.TRIAL, **more: object) -> Event:
    return cls.model_validate({"course": ID, "referral": ID, "kind": kind, "modality": "scs-trial", **more})


def about(cls: type[Event], **more: object) -> Event:
    return cls.model_validate({"referral": ID, **more})


def folded(*said: Event) -> Journey:
    now: Journey | None = None
    for number, event in enumerate(said):
        now = fold(now, event, DAY + timedelta(days=number))
    assert now is not None
    return now


ACCEPTED = about(events.ReferralAccepted, from_facility=ID, to_facility=ID, urgency="soon", setting="outpatient")
PATH = [
    (REQUESTED, Stage.REFERRED),
    (about(events.ReferralReceived), Stage.REFERRED),
    (ACCEPTED, Stage.ASSESSMENT),
    (about(events.AssessmentRecorded, setting="outpatient"), Stage.CONFERENCE),
    (about(events.ConferenceHeld, recommended=["scs"]), Stage.DECISION),
    (trial(events.CourseProposed), Stage.DECISION),
    (trial(events.CourseAgreed), Stage.TRIAL),
    (trial(events.CoursePerformed, performed_at=DAY, facility=ID, setting="hospital"), Stage.TRIAL),
    (trial(events.CourseReviewDue), Stage.TRIAL_REVIEW),
    (trial(events.CourseJudged, verdict=Verdict.RESPONDER), Stage.TRIAL_REVIEW),
    (trial(events.CourseContinued), Stage.DECISION),
    (trial(events.CourseAgreed, CourseKind.TREATMENT), Stage.TREATMENT),
    (trial(events.CourseReviewDue, CourseKind.TREATMENT), Stage.REASSESSMENT),
    (trial(events.CourseContinued, CourseKind.TREATMENT), Stage.REASSESSMENT),
    (about(events.ReferralCompleted), Stage.CLOSED),
]  # fmt: skip


def test_the_whole_way_passes_every_stage_in_order() -> None:
    said: list[Event] = []
    for event, stage in PATH:
        said.append(event)
        assert folded(*said).stage is stage, event
    assert folded(*said).exit is Exit.COMPLETED


def test_since_is_when_the_stage_began_not_when_something_last_happened() -> None:
    assert folded(REQUESTED, about(events.ReferralReceived)).since == DAY
    said = [event for event, _ in PATH[:3]]
    assert folded(*said).since == DAY + timedelta(days=2)


@pytest.mark.parametrize(("closing", "exit"), EXIT_AFTER.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_every_closing_leads_out_by_its_own_exit(closing: type[Event], exit: Exit) -> None:
    event = about(closing, reason_code="any")
    assert (folded(REQUESTED, event).stage, folded(REQUESTED, event).exit) == (Stage.CLOSED, exit)


def test_a_closed_journey_moves_again_only_when_it_is_reopened() -> None:
    closed = [REQUESTED, about(events.ReferralDeclined, reason_code="any")]
    assert folded(*closed, trial(events.CourseAgreed)).stage is Stage.CLOSED
    reopened = folded(*closed, about(events.ReferralReopened, reason_code="any"))
    assert (reopened.stage, reopened.exit) == (Stage.REFERRED, None)


def test_a_death_after_the_closing_is_the_exit() -> None:
    assert folded(REQUESTED, about(events.ReferralCompleted), about(events.PatientDied)).exit is Exit.DECEASED


def test_a_redirected_referral_starts_again_with_its_child() -> None:
    redirected = about(events.ReferralRedirected, child=ID, to_facility=ID, reason_code="any")
    now = folded(*(event for event, _ in PATH[:3]), redirected, REQUESTED)
    assert (now.stage, now.exit) == (Stage.REFERRED, None)


def test_care_moves_without_the_stage() -> None:
    now = folded(REQUESTED, about(events.CareMoved, setting="home"))
    assert (now.stage, now.setting, now.since) == (Stage.REFERRED, Setting.HOME, DAY)


REFERRALS = any_event(Speaker.REFERRAL)


@given(st.lists(REFERRALS, max_size=8), st.lists(REFERRALS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_folding_never_fails_and_keeps_its_promises(before: list[Event], after: list[Event]) -> None:
    now: Journey | None = None
    for number, event in enumerate([*before, REQUESTED, *after]):
        was, at = now, DAY + timedelta(days=number)
        now = fold(now, event, at)
        if now is None:
            assert not isinstance(event, events.ReferralRequested)
            continue
        assert (now.exit is not None) == (now.stage is Stage.CLOSED)
        assert now.since <= at
        if was is not None and was.stage is now.stage:
            assert now.since == was.since
        if was is not None and was.stage is Stage.CLOSED and now.stage is not Stage.CLOSED:
            assert isinstance(event, events.ReferralReopened)
    assert now is not None


@given(any_event(Speaker.SCHEDULING, Speaker.FOLLOWUP, Speaker.DIRECTORY))
@settings(max_examples=50, deadline=None)
def test_only_the_referral_service_moves_a_journey(event: Event) -> None:
    assert fold(folded(REQUESTED), event, DAY + timedelta(days=1)) == folded(REQUESTED)


def test_every_stage_can_be_reached() -> None:
    reached = {*STAGE_AFTER.values(), *(stage for by_kind in STAGE_OF_COURSE.values() for stage in by_kind.values())}
    assert reached == set(Stage)


def test_every_event_about_a_course_that_depends_on_its_kind_knows_both_kinds() -> None:
    assert all(set(by_kind) == set(CourseKind) for by_kind in STAGE_OF_COURSE.values())
    assert not STAGE_AFTER.keys() & STAGE_OF_COURSE.keys()


@pytest.mark.parametrize("cls", CATALOGUE.values(), ids=lambda cls: cls.__name__)
def test_every_event_can_be_folded(cls: type[Event]) -> None:
    @given(events_of(cls))
    @settings(max_examples=5, deadline=None)
    def fits(event: Event) -> None:
        fold(folded(REQUESTED), event, DAY)

    fits()


def test_the_tables_speak_of_the_referral_services_events_only() -> None:
    named = {*STAGE_AFTER, *STAGE_OF_COURSE, *EXIT_AFTER}
    assert {one.speaker for one in named} == {Speaker.REFERRAL}
    assert journey.EXIT_AFTER.keys() <= STAGE_AFTER.keys()
