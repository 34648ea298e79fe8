"""The addresses of trials: who sees which, which version was decided on, and the same request twice."""

from __future__ import annotations

from uuid import uuid4

import pytest

from reliefpath.vocabulary import Role
from tests.support.followup import RECEIVER, SENDER, STRANGER, Place, Story, codes, problem

JUDGE = {"verdict": "responder"}


async def ready(place: Place) -> tuple[Story, str, int]:
    """A trial that awaits its verdict: its story, its address and its version."""
    story = await place.performed(modality="PNB")
    await place.answer(story, 3, 3)
    trial = await place.trial(story)
    return story, f"/trials/{trial['id']}", trial["version"]


async def test_it_is_shown_with_its_version_and_what_the_caller_may_do(place: Place) -> None:
    _, address, version = await ready(place)
    answer = await place.clinician.get(address)
    shown = answer.json()
    assert answer.headers["etag"] == f'"{version}"'
    assert [(one["action"], one["possible"]) for one in shown["allowed_actions"]] == [("extend", True), ("judge", True)]
    assert shown["your_sides"] == ["receiver"]
    assert (await place.coordinator.read(address))["allowed_actions"] == []


async def test_what_is_advised_is_shown_with_the_action(place: Place) -> None:
    story = await place.performed(modality="PNB", baseline=None)
    await place.answer(story, 3, 3)
    shown = await place.trial(story)
    [judge] = [one for one in shown["allowed_actions"] if one["action"] == "judge"]
    assert (judge["possible"], [one["code"] for one in judge["advice"]]) == (True, ["baseline-unknown"])


async def test_who_sent_the_patient_sees_it_and_does_not_judge_it(place: Place) -> None:
    _, address, _ = await ready(place)
    sender = place.person(Role.CLINICIAN, SENDER)
    shown = await sender.read(address)
    assert shown["your_sides"] == ["sender"]
    assert {tuple(finding["code"] for finding in one["unmet"]) for one in shown["allowed_actions"]} == {("wrong-side",)}
    assert codes(problem(await sender.post(f"{address}/judge", JUDGE), 403, "action-forbidden")) == ["wrong-side"]


async def test_another_facility_s_trial_is_not_to_be_told_from_one_that_is_not_there(place: Place) -> None:
    _, address, _ = await ready(place)
    before = await place.count()
    stranger = place.person(Role.CLINICIAN, STRANGER)
    seen = problem(await stranger.get(address), 404, "not-found")
    unseen = problem(await stranger.get(f"/trials/{uuid4()}"), 404, "not-found")
    assert seen | {"trace_id": None} == unseen | {"trace_id": None}
    problem(await stranger.post(f"{address}/judge", JUDGE), 404, "not-found")
    assert (await stranger.read("/trials"))["items"] == []
    after = await place.count()
    assert after | {"backbone.audit": 0} == before | {"backbone.audit": 0}


async def test_a_clinician_of_no_facility_sees_nothing(place: Place) -> None:
    _, address, _ = await ready(place)
    problem(await place.person(Role.CLINICIAN).get(address), 404, "not-found")


async def test_a_decision_on_an_older_version_is_refused_and_nothing_is_written(place: Place) -> None:
    _, address, version = await ready(place)
    before = await place.count()
    answer = await place.clinician.post(f"{address}/judge", JUDGE, version=version - 1)
    assert codes(problem(answer, 412, "stale")) == ["stale"]
    assert answer.headers["etag"] == f'"{version}"'
    assert await place.count() == before
    await place.clinician.done(f"{address}/judge", JUDGE, version=version)


async def test_a_decision_names_its_version_and_its_key(place: Place) -> None:
    _, address, version = await ready(place)
    before = await place.count()
    problem(await place.clinician.post(f"{address}/judge", JUDGE, version=None), 428, "if-match-missing")
    answer = await place.clinician.post(f"{address}/judge", JUDGE, version=version, key=None)
    problem(answer, 400, "idempotency-key-missing")
    assert await place.count() == before


async def test_the_same_request_twice_is_one_verdict_and_another_body_is_refused(place: Place) -> None:
    _, address, version = await ready(place)
    clinician, key = place.clinician, str(uuid4())
    first = await clinician.post(f"{address}/judge", JUDGE, version=version, key=key)
    again = await clinician.post(f"{address}/judge", JUDGE, version=version, key=key)
    assert (first.status_code, first.json(), first.headers["etag"]) == (
        again.status_code,
        again.json(),
        again.headers["etag"],
    )
    other = await clinician.post(f"{address}/judge", {"verdict": "partial", "reason": "x"}, version=version, key=key)
    problem(other, 422, "idempotency-key-reused")


async def test_a_wrong_state_says_so_and_what_may_be_done_instead(place: Place) -> None:
    story = await place.performed(modality="SCS")
    trial = await place.trial(story)
    found = problem(await place.clinician.post(f"/trials/{trial['id']}/judge", JUDGE), 409, "action-refused")
    assert codes(found) == ["wrong-state"]
    assert found["allowed_actions"] == ["conclude", "extend"]


@pytest.mark.parametrize(
    ("content", "media", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b"{}", "text/plain", 415, "wrong-media-type"),
        (b"{}", "application/json", 422, "invalid"),
        (b'{"verdict": "cured", "x": 1}', "application/json", 422, "invalid"),
        (b'{"verdict": "' + b"x" * 1_100_000 + b'"}', "application/json", 413, "too-large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_and_nothing_is_written(
    place: Place, content: bytes, media: str, status: int, code: str
) -> None:
    _, address, _ = await ready(place)
    before = await place.count()
    headers = {
        "Authorization": f"Bearer {place.clinician.token}",
        "Idempotency-Key": str(uuid4()),
        "If-Match": "*",
        "Content-Type": media,
    }
    problem(await place.client.post(f"{address}/judge", content=content, headers=headers), status, code)
    assert await place.count() == before


async def test_trials_are_listed_in_pages_without_skipping_one(place: Place) -> None:
    stories = [await place.performed(modality="PNB") for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = await place.clinician.get("/trials", **query)
        page = answer.json()
        seen += [one["course"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        assert 'rel="next"' in answer.headers["link"]
    assert seen == [str(story.course) for story in stories]


async def test_a_cursor_of_somebody_s_own_making_is_refused(place: Place) -> None:
    problem(await place.clinician.get("/trials", cursor="made-up"), 422, "invalid")


async def test_reading_is_written_down_with_the_journeys_that_were_read(place: Place) -> None:
    story, address, _ = await ready(place)
    await place.rows("SELECT 1")
    person = place.person(Role.REFERRER, SENDER)
    await person.read(address)
    await person.read("/trials")
    query = "SELECT action, resource, journeys FROM backbone.audit WHERE actor LIKE 'referrer:%' ORDER BY id"
    assert [tuple(row.values()) for row in await place.rows(query)] == [
        ("read", "trial", [story.journey]),
        ("list", "trial", [story.journey]),
    ]


async def test_a_network_wide_token_of_another_role_opens_nothing(place: Place) -> None:
    _, address, _ = await ready(place)
    token = place.keys.token(Role.OPERATIONS, "ops", ["*"])
    answer = await place.client.get(address, headers={"Authorization": f"Bearer {token}"})
    problem(answer, 403, "forbidden")
    wide = place.keys.token(Role.CLINICIAN, "somebody", ["*"])
    problem(await place.client.get(address, headers={"Authorization": f"Bearer {wide}"}), 404, "not-found")


async def test_every_receiving_clinician_may_judge_whoever_read_it_first(place: Place) -> None:
    _, address, version = await ready(place)
    other = place.person(Role.CLINICIAN, RECEIVER, STRANGER)
    await other.done(f"{address}/judge", JUDGE, version=version)
    refused = await place.clinician.post(f"{address}/judge", JUDGE, version=version)
    problem(refused, 412, "stale")
