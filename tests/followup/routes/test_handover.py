"""The addresses of handovers: offered once, seen by both ends, answered on the version that was read."""

from __future__ import annotations

from uuid import uuid4

from reliefpath.vocabulary import Role
from tests.support.followup import HOME, RECEIVER, STRANGER, Place, codes, problem


async def test_an_offer_is_created_at_its_own_address(place: Place) -> None:
    story = await place.expected()
    answer = await place.coordinator.post("/handovers", {"journey": str(story.journey), "to": HOME}, version=None)
    shown = answer.json()
    assert (answer.status_code, answer.headers["location"], answer.headers["etag"]) == (
        201,
        f"/handovers/{shown['id']}",
        '"1"',
    )
    assert (await place.nurse.read(answer.headers["location"]))["your_sides"] == ["receiver"]


async def test_the_same_offer_twice_is_one(place: Place) -> None:
    story = await place.expected()
    key, body = str(uuid4()), {"journey": str(story.journey), "to": HOME}
    coordinator = place.coordinator
    first = await coordinator.post("/handovers", body, key=key)
    again = await coordinator.post("/handovers", body, key=key)
    assert first.json() == again.json()
    assert len((await coordinator.read("/handovers"))["items"]) == 1


async def test_an_offer_needs_a_key_and_a_journey_of_the_caller_s(place: Place) -> None:
    story = await place.expected()
    before = await place.count()
    body = {"journey": str(story.journey), "to": HOME}
    problem(await place.coordinator.post("/handovers", body, key=None), 400, "idempotency-key-missing")
    problem(await place.person(Role.COORDINATOR, STRANGER).post("/handovers", body), 404, "not-found")
    problem(await place.coordinator.post("/handovers", {**body, "journey": str(uuid4())}), 404, "not-found")
    narrowed = place.person(Role.COORDINATOR, RECEIVER, journey=uuid4())
    problem(await narrowed.post("/handovers", body), 404, "not-found")
    problem(await place.coordinator.post("/handovers", {"to": "two words"}), 422, "invalid")
    problem(await place.person(Role.REFERRER, RECEIVER).post("/handovers", body), 403, "forbidden")
    assert await place.count() == before


async def test_an_answer_on_an_older_version_is_refused(place: Place) -> None:
    story = await place.expected()
    body = {"journey": str(story.journey), "to": HOME}
    shown = await place.coordinator.done("/handovers", body)
    address = f"/handovers/{shown['id']}"
    await place.nurse.done(f"{address}/accept", version=1)
    problem(await place.nurse.post(f"{address}/activate", version=1), 412, "stale")
    found = problem(await place.nurse.post(f"{address}/accept", version=2), 409, "action-refused")
    assert codes(found) == ["wrong-state"]
    assert found["allowed_actions"] == ["activate", "end"]


async def test_a_team_that_was_not_asked_sees_nothing(place: Place) -> None:
    story = await place.expected()
    shown = await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": HOME})
    other = place.person(Role.HOME_NURSE, STRANGER)
    problem(await other.get(f"/handovers/{shown['id']}"), 404, "not-found")
    problem(await other.post(f"/handovers/{shown['id']}/accept"), 404, "not-found")
    assert (await other.read("/handovers"))["items"] == []


async def test_they_are_listed_by_state_and_journey(place: Place) -> None:
    stories = [await place.expected() for _ in range(3)]
    for story in stories:
        await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": HOME})
    listed = (await place.nurse.read("/handovers", state="offered"))["items"]
    assert [one["journey"] for one in listed] == [str(story.journey) for story in stories]
    await place.nurse.done(f"/handovers/{listed[0]['id']}/accept")
    assert len((await place.nurse.read("/handovers", state="offered"))["items"]) == 2
    assert len((await place.nurse.read("/handovers", journey=str(stories[0].journey)))["items"]) == 1
