"""What the service does when others speak: in order, out of order, twice, too late; and when a deadline has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from referral.reactions import DEADLINES, REACTIONS
from referral.rules.clocks import Clock
from reliefpath import events
from reliefpath.events import Event, Speaker
from reliefpath.vocabulary import CourseKind, FacilityKind, Purpose, Role, Setting, Verdict, facility_id
from tests.support.referral import HOME, RECEIVER, Place

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def verdict_due(course: dict[str, Any], trial: UUID) -> events.TrialVerdictDue:
    return events.TrialVerdictDue(trial=trial, course=UUID(course["id"]), suggested=Verdict.RESPONDER, relief=60)


def judged(course: dict[str, Any], trial: UUID) -> events.TrialJudged:
    return events.TrialJudged(
        trial=trial, course=UUID(course["id"]), verdict=Verdict.PARTIAL, suggested=Verdict.RESPONDER, relief=60
    )


def started(course: dict[str, Any], trial: UUID) -> events.TrialStarted:
    return events.TrialStarted(trial=trial, course=UUID(course["id"]), ends_at=NOW)


def observed(course: dict[str, Any], kind: CourseKind) -> events.ObservationStarted:
    return events.ObservationStarted(course=UUID(course["id"]), kind=kind, check_ins=3)


async def attentions(place: Place, referral: str) -> list[tuple[str, str]]:
    shown = (await place.coordinator.get(f"/referrals/{referral}")).json()
    return [(one["kind"], one["subject"]) for one in shown["attentions"]]


def test_every_event_it_reacts_to_is_of_a_speaker_it_hears() -> None:
    assert {event.speaker for event in REACTIONS} == {Speaker.SCHEDULING, Speaker.FOLLOWUP, Speaker.DIRECTORY}
    assert set(DEADLINES) == set(Clock)


async def test_a_course_follows_its_appointment_and_its_observation(place: Place) -> None:
    active = await place.active()
    course = await place.performed(active["id"])
    trial = uuid4()
    for event in (
        observed(course, CourseKind.TRIAL),
        started(course, trial),
        verdict_due(course, trial),
        judged(course, trial),
    ):
        assert await place.hear(event, course["journey"]) == {"effect": 1}
    shown = await place.course(course)
    assert (shown["state"], shown["verdict"], shown["suggested"], shown["relief"]) == (
        "judged",
        "partial",
        "responder",
        60,
    )
    assert (await place.told(course["journey"]))[4:] == [
        "CourseProposed",
        "CourseAgreed",
        "AuthorisationSubmitted",
        "CourseAuthorised",
        "CourseRequested",
        "CourseBooked",
        "CoursePerformed",
        "CourseObserving",
        "CourseReviewDue",
        "CourseJudged",
    ]


async def test_an_event_heard_twice_takes_effect_once(place: Place) -> None:
    course = await place.asked((await place.active())["id"])
    message = place.message(place.booking(course, uuid4()), UUID(course["journey"]))
    assert await place.take(message) == {"effect": 1}
    before = await place.count()
    assert await place.take(message) == {"duplicate": 1}
    assert await place.count() == before


async def test_a_word_said_again_in_other_words_changes_nothing(place: Place) -> None:
    """Also an operator's replay, which comes under a new number."""
    course = await place.asked((await place.active())["id"])
    appointment = await place.booked(course)
    for event in (place.booking(course, uuid4()), place.booking(course, appointment)):
        assert await place.hear(event, course["journey"]) == {"effect": 1}
    assert (await place.course(course))["appointment"] == str(appointment)
    assert (await place.told(course["journey"])).count("CourseBooked") == 1


async def test_a_trial_that_is_watched_before_the_procedure_was_heard_of_waits_for_it_by_name(place: Place) -> None:
    course = await place.asked((await place.active())["id"])
    appointment, trial = uuid4(), uuid4()
    await place.hear(place.booking(course, appointment), course["journey"])
    for event in (started(course, trial), verdict_due(course, trial), judged(course, trial)):
        await place.hear(event, course["journey"])
    [waiting, *behind] = await place.rows("SELECT status, reason FROM backbone.held ORDER BY seq")
    assert waiting["status"] == "waiting"
    assert "scheduling.AppointmentFulfilled" in waiting["reason"]
    assert {row["status"] for row in behind} == {"behind"}
    await place.hear(place.fulfilment(course, appointment), course["journey"])
    assert (await place.course(course))["state"] == "judged"
    assert (await place.told(course["journey"]))[-4:] == [
        "CoursePerformed",
        "CourseObserving",
        "CourseReviewDue",
        "CourseJudged",
    ]


async def test_a_verdict_implies_the_observation_whose_beginning_was_discarded(place: Place) -> None:
    course = await place.performed((await place.active())["id"])
    await place.hear(judged(course, uuid4()), course["journey"])
    assert (await place.course(course))["state"] == "judged"


async def test_a_time_that_falls_through_brings_the_course_back_and_the_next_one_books_it_again(place: Place) -> None:
    active = await place.active()
    course = await place.asked(active["id"])
    first, second = await place.booked(course), uuid4()
    gone = events.AppointmentRescheduled(**place.about(course, first), successor=second, reason_code="ill")
    await place.hear(gone, course["journey"])
    assert (await place.course(course))["state"] == "requested"
    assert await attentions(place, active["id"]) == []
    await place.hear(place.booking(course, second), course["journey"])
    assert (await place.course(course))["appointment"] == str(second)


async def test_a_missed_visit_asks_for_a_hand_until_it_is_booked_again(place: Place) -> None:
    active = await place.active()
    course = await place.asked(active["id"])
    first, second = await place.booked(course), uuid4()
    missed = events.AppointmentMissed(**place.about(course, first), successor=second)
    await place.hear(missed, course["journey"])
    assert await attentions(place, active["id"]) == [("appointment_missed", course["id"])]
    await place.hear(place.booking(course, second), course["journey"])
    assert await attentions(place, active["id"]) == []


async def test_a_cancelled_visit_that_nothing_follows_asks_for_a_hand(place: Place) -> None:
    active = await place.active()
    course = await place.asked(active["id"])
    about = place.about(course, await place.booked(course))
    cancelled = events.AppointmentCancelled(**about, by=Role.PATIENT, reason_code="afraid")
    await place.hear(cancelled, course["journey"])
    assert await attentions(place, active["id"]) == [("appointment_fell_through", course["id"])]


async def test_another_appointments_end_leaves_the_booked_one_alone(place: Place) -> None:
    course = await place.asked((await place.active())["id"])
    booked = await place.booked(course)
    other = events.AppointmentCancelled(
        **place.about(course, uuid4()), by=Role.SCHEDULER, reason_code="double", successor=booked
    )
    await place.hear(other, course["journey"])
    assert (await place.course(course))["state"] == "booked"


async def test_a_treatments_review_asks_a_clinician_to_judge_and_no_longer_once_judged(place: Place) -> None:
    active = await place.active()
    course = await place.performed(active["id"], "treatment", "VAUG")
    await place.hear(observed(course, CourseKind.TREATMENT), course["journey"])
    early = await place.clinician.post(f"/courses/{course['id']}/judge", {"verdict": "responder"})
    assert [one["code"] for one in early.json()["errors"]] == ["review-not-due"]
    due = events.ReassessmentDue(
        course=UUID(course["id"]), suggested=Verdict.RESPONDER, relief=55, completed=2, planned=3
    )
    await place.hear(due, course["journey"])
    assert await attentions(place, active["id"]) == [("review_due", course["id"])]
    await place.clinician.done(f"/courses/{course['id']}/judge", {"verdict": "responder"})
    assert await attentions(place, active["id"]) == []


async def test_a_judged_trial_asks_for_a_decision_until_one_is_taken(place: Place) -> None:
    active = await place.active()
    course, trial = await place.performed(active["id"]), uuid4()
    await place.hear(started(course, trial), course["journey"])
    await place.hear(verdict_due(course, trial), course["journey"])
    assert await attentions(place, active["id"]) == [("review_due", course["id"])]
    longer = events.TrialExtended(trial=trial, course=UUID(course["id"]), ends_at=NOW, reason_code="late-responder")
    await place.hear(longer, course["journey"])
    assert await attentions(place, active["id"]) == []
    await place.hear(judged(course, trial), course["journey"])
    assert await attentions(place, active["id"]) == [("decision_due", course["id"])]
    await place.clinician.done(f"/courses/{course['id']}/continue")
    assert await attentions(place, active["id"]) == []


async def test_a_home_team_that_is_asked_sees_the_journey_and_its_answer_moves_the_care(place: Place) -> None:
    active = await place.active()
    nurse = place.person(Role.HOME_NURSE, HOME)
    assert (await nurse.get(f"/referrals/{active['id']}")).status_code == 404
    about: dict[str, Any] = {
        "handover": uuid4(),
        "referral": UUID(active["id"]),
        "to_facility": facility_id(HOME),
    }
    offered = events.HandoverOffered(**about, from_facility=facility_id(RECEIVER), answer_by=NOW)
    await place.hear(offered, active["journey"])
    assert (await nurse.get(f"/referrals/{active['id']}")).status_code == 200
    await place.hear(events.HandoverTimedOut(**about), active["journey"])
    assert await attentions(place, active["id"]) == [("handover_timed_out", str(about["handover"]))]
    again = {**about, "handover": uuid4()}
    await place.hear(
        events.HandoverOffered(**again, from_facility=facility_id(RECEIVER), answer_by=NOW), active["journey"]
    )
    assert await attentions(place, active["id"]) == []
    await place.hear(events.HandoverActivated(**again), active["journey"])
    assert (await place.coordinator.get(f"/journeys/{active['journey']}")).json()["setting"] == "home"
    back = events.HandoverReturned(**again, setting=Setting.HOSPITAL, reason_code="crisis")
    await place.hear(back, active["journey"])
    assert (await place.coordinator.get(f"/journeys/{active['journey']}")).json()["setting"] == "hospital"
    assert (await place.told(active["journey"])).count("CareMoved") == 2


async def test_a_refused_handover_and_a_lost_check_in_ask_for_a_hand(place: Place) -> None:
    active = await place.active()
    about: dict[str, Any] = {"handover": uuid4(), "referral": UUID(active["id"]), "to_facility": facility_id(HOME)}
    await place.hear(events.HandoverRefused(**about, reason_code="full"), active["journey"])
    lost = events.CheckInLost(check_in=uuid4(), course=uuid4())
    await place.hear(lost, active["journey"])
    assert {kind for kind, _ in await attentions(place, active["id"])} == {"handover_refused", "check_in_lost"}


async def test_the_directory_is_kept_as_it_was_last_heard(place: Place) -> None:
    where = facility_id(RECEIVER)
    listed = events.FacilityListed(
        facility=where, code=RECEIVER, kind=FacilityKind.CLINIC, capabilities=("imaging",), accepting=False
    )
    await place.hear(listed, where)
    [shown] = [one for one in (await place.referrer.get("/facilities")).json() if one["code"] == RECEIVER]
    assert (shown["kind"], shown["capabilities"], shown["accepting"]) == ("clinic", ["imaging"], False)


def everything_about(course: dict[str, Any], place: Place) -> list[Event]:
    """One of each event that somebody may still say of a course after it has ended."""
    trial, appointment, this = uuid4(), uuid4(), UUID(course["id"])
    about = place.about(course, appointment)
    handed: dict[str, Any] = {"handover": uuid4(), "referral": UUID(course["referral"]), "to_facility": uuid4()}
    return [
        place.booking(course, appointment),
        events.AppointmentCancelled(**about, by=Role.SYSTEM, reason_code="closed"),
        events.AppointmentMissed(**about),
        place.fulfilment(course, appointment),
        observed(course, CourseKind.TRIAL),
        started(course, trial),
        verdict_due(course, trial),
        judged(course, trial),
        events.ReassessmentDue(course=this, suggested=Verdict.NO_DATA, completed=0, planned=3),
        events.CheckInLost(check_in=uuid4(), course=this),
        events.HandoverRefused(**handed, reason_code="full"),
        events.HandoverTimedOut(**handed),
    ]


async def test_after_a_death_everything_is_closed_and_whatever_comes_later_is_passed_over(place: Place) -> None:
    active = await place.active()
    open_course, booked = await place.asked(active["id"]), await place.asked(active["id"], modality="CPB")
    await place.booked(booked)
    await place.clinician.done(f"/referrals/{active['id']}/record-death", {"died_on": "2026-11-22"})
    told = await place.told(active["journey"])
    assert told[-3:] == ["PatientDied", "CourseAbandoned", "CourseAbandoned"]
    for course in (open_course, booked):
        for event in everything_about(course, place):
            assert await place.hear(event, active["journey"]) == {"effect": 1}
        assert (await place.course(course))["state"] == "abandoned"
    assert await place.told(active["journey"]) == told
    assert await attentions(place, active["id"]) == []
    assert await place.rows("SELECT 1 FROM backbone.deadlines WHERE done_at IS NULL") == []
    shown = (await place.coordinator.get(f"/journeys/{active['journey']}")).json()
    assert (shown["stage"], shown["exit"], shown["open_attentions"]) == ("closed", "deceased", 0)


async def test_events_about_things_it_never_saw_are_passed_over(place: Place) -> None:
    nowhere = {"id": str(uuid4()), "referral": str(uuid4()), "journey": str(uuid4())}
    for event in everything_about(nowhere, place):
        assert await place.hear(event, nowhere["journey"]) == {"effect": 1}
    assert await place.said() == []


async def test_an_event_in_a_foreign_stream_does_not_move_a_course(place: Place) -> None:
    course = await place.asked((await place.active())["id"])
    await place.hear(place.booking(course, uuid4()), uuid4())
    assert (await place.course(course))["state"] == "requested"


async def test_a_referral_nobody_takes_up_is_first_overdue_and_at_last_expires(place: Place) -> None:
    sent = await place.requested()
    await place.pass_time(timedelta(hours=5))
    assert await attentions(place, sent["id"]) == [("triage_overdue", sent["id"])]
    await place.pass_time(timedelta(days=31))
    shown = (await place.referrer.get(f"/referrals/{sent['id']}")).json()
    assert (shown["state"], shown["attentions"]) == ("expired", [])
    assert (await place.told(sent["journey"]))[-1] == "ReferralExpired"


async def test_what_was_decided_in_time_is_never_called_overdue(place: Place) -> None:
    accepted = await place.accepted()
    await place.pass_time(timedelta(hours=5))
    assert await attentions(place, accepted["id"]) == []
    await place.pass_time(timedelta(days=3))
    assert await attentions(place, accepted["id"]) == [("assessment_overdue", accepted["id"])]
    await place.clinician.done(f"/referrals/{accepted['id']}/assess", {"average_pain": 6, "setting": "outpatient"})
    assert await attentions(place, accepted["id"]) == []


async def test_unanswered_information_ends_a_referral_that_was_only_received(place: Place) -> None:
    sent = await place.requested()
    await place.coordinator.done(f"/referrals/{sent['id']}/receive")
    await place.coordinator.done(f"/referrals/{sent['id']}/ask-information", {"items": ["stage"]})
    await place.pass_time(timedelta(days=15))
    assert (await place.referrer.get(f"/referrals/{sent['id']}")).json()["state"] == "expired"


async def test_unanswered_information_never_ends_care_that_has_begun(place: Place) -> None:
    active = await place.active()
    course = await place.asked(active["id"])
    await place.coordinator.done(f"/referrals/{active['id']}/ask-information", {"items": ["stage"]})
    await place.pass_time(timedelta(days=15))
    shown = (await place.coordinator.get(f"/referrals/{active['id']}")).json()
    assert shown["state"] == "awaiting_information"
    assert await attentions(place, active["id"]) == [("information_overdue", active["id"])]
    assert (await place.course(course))["state"] == "requested"


@pytest.mark.parametrize("purpose", [Purpose.ASSESSMENT, Purpose.REASSESSMENT])
async def test_a_missed_assessment_asks_for_a_hand_until_it_is_booked_again(place: Place, purpose: Purpose) -> None:
    accepted = await place.accepted()
    about: dict[str, Any] = {"referral": UUID(accepted["id"]), "purpose": purpose}
    second = uuid4()
    await place.hear(events.AppointmentMissed(appointment=uuid4(), successor=second, **about), accepted["journey"])
    assert await attentions(place, accepted["id"]) == [("appointment_missed", accepted["id"])]
    booked = events.AppointmentBooked(
        appointment=second, facility=facility_id(RECEIVER), starts_at=NOW, ends_at=NOW, **about
    )
    await place.hear(booked, accepted["journey"])
    assert await attentions(place, accepted["id"]) == []
