"""What each action on a course writes and says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from referral.commands.course import EFFECTS
from referral.lifecycle import COURSE
from tests.support.referral import AGREED, Place


def reasons(answer: Any) -> list[str]:
    return sorted(one["code"] for one in answer.json()["errors"])


async def event(place: Place, journey: str, name: str) -> dict[str, Any]:
    """The last event of this name that was said in a journey."""
    return [one for one in await place.said(journey) if type(one).__name__ == name][-1].model_dump()


def test_every_action_of_the_table_has_its_effect() -> None:
    assert set(EFFECTS) == {one.action for one in COURSE.transitions if one.sources}


async def test_scheduling_is_told_all_it_needs_and_nothing_about_the_person(place: Place) -> None:
    drug = {"kind": "anticoagulant", "drug": "apixaban", "current": True}
    active = await place.active(facts=[drug])
    course = await place.asked(active["id"])
    asked = await event(place, course["journey"], "CourseRequested")
    assert asked["antithrombotics"] == ("apixaban",)
    assert (asked["baseline_pain"], asked["personal_pain_goal"]) == (7, 3)
    assert (asked["urgency"], asked["setting"], asked["modality"]) == ("urgent", "outpatient", "PNB")
    assert asked["valid_until"].year == 2099


async def test_a_trials_authorisation_never_covers_the_treatment(place: Place) -> None:
    active = await place.active()
    trial = await place.asked(active["id"], "trial", "VAUG")
    treatment = await place.proposed(active["id"], "treatment", "VAUG", follows=None)
    url = f"/courses/{treatment['id']}"
    await place.clinician.done(f"{url}/agree", AGREED)
    assert reasons(await place.coordinator.post(f"{url}/request")) == ["wrong-state"]
    assert (await place.course(trial))["authorisation"]["outcome"] == "granted"
    assert (await place.course(treatment))["authorisation"] is None


async def test_a_denied_course_stays_denied_and_a_new_request_is_a_new_course(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    url = f"/courses/{course['id']}"
    await place.clinician.done(f"{url}/agree", AGREED)
    await place.coordinator.done(f"{url}/submit-authorisation")
    denied = await place.coordinator.done(f"{url}/deny", {"reason_code": "not-covered", "note": "They want a letter."})
    assert (denied["state"], denied["authorisation"]["outcome"]) == ("denied", "denied")
    assert denied["allowed_actions"] == []
    again = await place.proposed(active["id"], follows=course["id"])
    assert (again["state"], again["follows"]) == ("proposed", course["id"])


async def test_an_authorisation_that_has_run_out_books_nothing(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    url = f"/courses/{course['id']}"
    await place.clinician.done(f"{url}/agree", AGREED)
    await place.coordinator.done(f"{url}/submit-authorisation")
    late = await place.coordinator.post(f"{url}/authorise", {"reference": "A", "valid_until": "2020-01-01T00:00:00Z"})
    assert reasons(late) == ["authorisation-in-the-past"]
    soon = await place.rows("SELECT reliefpath_now() + interval '1 day' AS at")
    granted = {"reference": "A", "valid_until": soon[0]["at"].isoformat()}
    await place.coordinator.done(f"{url}/authorise", granted)
    await place.pass_time(timedelta(days=2))
    assert reasons(await place.coordinator.post(f"{url}/request")) == ["authorisation-expired"]


async def test_a_treatment_waits_for_its_trial_and_then_may_be_proposed(place: Place) -> None:
    active = await place.active()
    url = f"/referrals/{active['id']}/courses"
    early = await place.clinician.post(url, {"kind": "treatment", "modality": "SCS"}, version=None)
    assert (early.status_code, reasons(early)) == (409, ["trial-first"])
    assert early.json()["errors"][0]["rules"] == ["MODALITY-SCS@1"]


async def test_a_waived_trial_leaves_its_reason(place: Place) -> None:
    active = await place.active()
    waived = {"waived_because": "Weeks to live.", "rationale": "Diffuse pain."}
    course = await place.proposed(active["id"], "treatment", "ITDD_PUMP", **waived)
    shown = (await place.clinician.get(f"/referrals/{active['id']}")).json()
    notes = {note["kind"]: note for note in shown["notes"]}
    assert notes["waiver"]["text"] == "Weeks to live."
    assert notes["waiver"]["course"] == notes["rationale"]["course"] == course["id"]


async def test_nothing_is_proposed_before_the_assessment_or_at_anothers_place(place: Place) -> None:
    accepted = await place.accepted()
    url = f"/referrals/{accepted['id']}/courses"
    body = {"kind": "trial", "modality": "leeches"}
    assert reasons(await place.clinician.post(url, body, version=None)) == ["modality-unknown", "referral-not-active"]
    assert (await place.referrer.post(url, body, version=None)).status_code == 403


async def test_a_patient_may_decide_against_it(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    declined = await place.clinician.done(f"/courses/{course['id']}/decline", {"reason_code": "too-burdensome"})
    assert declined["state"] == "declined_by_patient"
    assert (await place.told(active["journey"]))[-1] == "CourseDeclined"


async def test_a_shared_decision_is_kept_with_its_ground(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    agreed = await place.clinician.done(f"/courses/{course['id']}/agree", AGREED)
    assert {name: agreed["decision"][name] for name in AGREED} == AGREED
    assert "dog" not in str(await place.said(active["journey"]))


async def test_going_on_against_the_verdict_leaves_its_reason_and_names_the_record(place: Place) -> None:
    active = await place.active()
    course = await place.performed(active["id"], "treatment", "VAUG")
    await place.review(course)
    url = f"/courses/{course['id']}"
    await place.clinician.done(f"{url}/judge", {"verdict": "non_responder"})
    assert reasons(await place.clinician.post(f"{url}/continue")) == ["did-not-help"]
    gone_on = await place.clinician.done(f"{url}/continue", {"override_reason": "She sleeps again."})
    assert gone_on["state"] == "continued"
    [said] = await place.rows("SELECT headers FROM backbone.outbox WHERE headers LIKE '%CourseContinued%'")
    assert "MODALITY-VAUG@1" in said["headers"]


async def test_two_people_deciding_at_once_on_one_version_decide_once(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    url = f"/courses/{course['id']}"
    answers = await asyncio.gather(
        place.clinician.post(f"{url}/agree", AGREED, version=1),
        place.clinician.post(f"{url}/decline", {"reason_code": "no"}, version=1),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
