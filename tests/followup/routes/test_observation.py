"""The addresses of observations."""

from __future__ import annotations

from uuid import uuid4

from reliefpath.vocabulary import Role
from tests.support.followup import STRANGER, Place, problem


async def test_it_is_shown_by_the_id_of_its_course_with_what_the_answers_suggest_so_far(place: Place) -> None:
    story = await place.performed(modality="CPN", kind="treatment")
    await place.answer(story, 2)
    answer = await place.clinician.get(f"/observations/{story.course}")
    shown = answer.json()
    assert answer.headers["etag"] == f'"{shown["version"]}"'
    assert (shown["suggestion"]["verdict"], shown["suggestion"]["relief"]) == ("responder", 75.0)
    assert [one["code"] for one in shown["suggestion"]["advice"]] == ["answer-outside-window"]
    assert [one["state"] for one in shown["check_ins"]] == ["completed", *["scheduled"] * 5]


async def test_they_are_listed_by_journey_and_state(place: Place) -> None:
    watched, wanted = await place.performed(), await place.expected()
    assert len((await place.coordinator.read("/observations"))["items"]) == 2
    [one] = (await place.coordinator.read("/observations", state="expected"))["items"]
    assert one["id"] == str(wanted.course)
    [one] = (await place.coordinator.read("/observations", journey=str(watched.journey)))["items"]
    assert one["id"] == str(watched.course)


async def test_another_facility_s_observation_is_not_there(place: Place) -> None:
    story = await place.performed()
    stranger = place.person(Role.COORDINATOR, STRANGER)
    problem(await stranger.get(f"/observations/{story.course}"), 404, "not-found")
    problem(await stranger.get(f"/observations/{uuid4()}"), 404, "not-found")
    assert (await stranger.read("/observations"))["items"] == []


async def test_reading_one_is_written_down(place: Place) -> None:
    story = await place.performed()
    await place.clinician.read(f"/observations/{story.course}")
    rows = await place.rows("SELECT action, resource_id FROM backbone.audit WHERE resource = 'observation'")
    assert ("read", story.course) in [(row["action"], row["resource_id"]) for row in rows]
