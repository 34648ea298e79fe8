"""The addresses of check-ins: a patient's own and nobody else's, in the order of their times."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from reliefpath.vocabulary import Role
from tests.support.followup import RECEIVER, STRANGER, Place, codes, problem


async def test_a_patient_sees_their_own_journey_and_no_other(place: Place) -> None:
    mine, other = await place.performed(modality="SCS"), await place.performed(modality="SCS")
    patient = place.patient(mine.journey)
    listed = (await patient.read("/check-ins"))["items"]
    assert {one["journey"] for one in listed} == {str(mine.journey)}
    assert (await patient.read("/check-ins", journey=str(other.journey)))["items"] == []
    [theirs, *_] = await place.check_ins(other)
    problem(await patient.get(f"/check-ins/{theirs['id']}"), 404, "not-found")
    problem(await patient.post(f"/check-ins/{theirs['id']}/complete", {"average_pain": 3}), 404, "not-found")


async def test_a_patient_may_answer_and_not_cancel(place: Place) -> None:
    story = await place.performed(modality="SCS")
    [first, *_] = await place.check_ins(story)
    await place.pass_until(datetime.fromisoformat(first["due_at"]))
    patient = place.patient(story.journey)
    shown = await patient.read(f"/check-ins/{first['id']}")
    assert [one["action"] for one in shown["allowed_actions"]] == ["complete"]
    answer = await patient.post(f"/check-ins/{first['id']}/cancel", {"reason_code": "x"})
    problem(answer, 403, "forbidden")


async def test_a_patient_s_token_without_a_journey_is_none(place: Place) -> None:
    problem(await place.person(Role.PATIENT, RECEIVER).get("/check-ins"), 401, "unauthenticated")


async def test_a_token_that_is_narrowed_to_a_journey_sees_only_that(place: Place) -> None:
    mine, other = await place.performed(modality="SCS"), await place.performed(modality="SCS")
    narrowed = place.person(Role.CLINICIAN, RECEIVER, journey=mine.journey)
    assert len((await narrowed.read("/check-ins"))["items"]) == 10
    [theirs, *_] = await place.check_ins(other)
    problem(await narrowed.get(f"/check-ins/{theirs['id']}"), 404, "not-found")


async def test_another_facility_s_check_in_is_not_there(place: Place) -> None:
    story = await place.performed(modality="SCS")
    [first, *_] = await place.check_ins(story)
    stranger = place.person(Role.CLINICIAN, STRANGER)
    problem(await stranger.get(f"/check-ins/{first['id']}"), 404, "not-found")
    problem(await stranger.post(f"/check-ins/{first['id']}/cancel", {"reason_code": "x"}), 404, "not-found")
    assert (await stranger.read("/check-ins"))["items"] == []


async def test_they_are_listed_by_time_and_narrowed_by_state_course_and_journey(place: Place) -> None:
    first, second = await place.performed(modality="SCS"), await place.performed(modality="PNB")
    await place.answer(first, 4)
    every = (await place.coordinator.read("/check-ins"))["items"]
    assert [one["due_at"] for one in every] == sorted(one["due_at"] for one in every)
    assert len(every) == 13
    done = (await place.coordinator.read("/check-ins", state="completed"))["items"]
    assert [(one["course"], one["average_pain"]) for one in done] == [(str(first.course), 4)]
    assert len((await place.coordinator.read("/check-ins", journey=str(second.journey)))["items"]) == 3
    assert len((await place.coordinator.read("/check-ins", course=str(first.course)))["items"]) == 10


async def test_an_answer_on_an_older_version_or_without_a_key_is_refused(place: Place) -> None:
    story = await place.performed(modality="SCS")
    [first, *_] = await place.check_ins(story)
    await place.pass_until(datetime.fromisoformat(first["due_at"]))
    patient, address = place.patient(story.journey), f"/check-ins/{first['id']}/complete"
    problem(await patient.post(address, {"average_pain": 3}, version=1), 412, "stale")
    problem(await patient.post(address, {"average_pain": 3}, key=None), 400, "idempotency-key-missing")
    problem(await patient.post(address, {"average_pain": 3}, version="W/2"), 400, "malformed")
    found = problem(await patient.post(address, {"average_pain": 11, "worst": 1}), 422, "invalid")
    assert {reason["pointer"] for reason in found["errors"]} == {"/average_pain", "/worst"}
    assert "11" not in str(found["errors"][0].get("satisfy"))


async def test_one_answered_twice_keeps_the_first_answer(place: Place) -> None:
    story = await place.performed(modality="SCS")
    await place.answer(story, 3)
    [first, *_] = await place.check_ins(story)
    found = problem(
        await place.coordinator.post(f"/check-ins/{first['id']}/complete", {"average_pain": 9}), 409, "action-refused"
    )
    assert codes(found) == ["wrong-state"]
    assert (await place.check_ins(story))[0]["average_pain"] == 3


async def test_an_id_that_is_none_is_refused(place: Place) -> None:
    problem(await place.coordinator.get("/check-ins/first"), 422, "invalid")
    problem(await place.coordinator.get(f"/check-ins/{uuid4()}"), 404, "not-found")
