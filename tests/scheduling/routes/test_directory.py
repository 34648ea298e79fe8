"""The directory over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from reliefpath.vocabulary import Role, facility_id
from tests.support.scheduling import CENTRE, CLINIC, SENDER, Place

NEW: dict[str, Any] = {"code": CLINIC, "kind": "clinic", "capabilities": ["ultrasound"], "name": "Pain clinic"}
ROOM: dict[str, Any] = {"code": "a", "kind": "room", "hours": [{"weekday": 1, "opens": "08:00", "closes": "16:00"}]}


async def test_a_facility_is_listed_once_under_its_code(place: Place) -> None:
    first = await place.operator.post("/facilities", NEW, version=None)
    assert first.status_code == 201
    shown = first.json()
    assert first.headers["Location"] == f"/facilities/{facility_id(CLINIC)}"
    assert first.headers["ETag"] == '"1"'
    again = await place.operator.post("/facilities", NEW, version=None)
    assert (again.status_code, again.json()) == (200, shown)
    other = await place.operator.post("/facilities", {**NEW, "kind": "hospital"}, version=None)
    assert other.status_code == 409
    assert [one["code"] for one in other.json()["errors"]] == ["exists-differently"]
    assert await place.told(facility_id(CLINIC)) == ["FacilityListed"]


async def test_a_facility_is_changed_by_those_who_read_it_last(place: Place) -> None:
    path = f"/facilities/{facility_id(CENTRE)}"
    body = {"kind": "hospital", "accepting": False}
    assert (await place.scheduler.put(path, body, version=None)).status_code == 428
    assert (await place.scheduler.put(path, body, version=7)).status_code == 412
    changed = await place.scheduler.put(path, body, version=1)
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (await place.scheduler.read(path))["accepting"] is False


async def test_nobody_lists_or_changes_another_facility(place: Place) -> None:
    assert (await place.scheduler.post("/facilities", NEW, version=None)).status_code == 403
    stranger = place.person(Role.SCHEDULER, SENDER)
    assert (await stranger.put(f"/facilities/{facility_id(CENTRE)}", {"kind": "clinic"})).status_code == 403
    room = f"/resources/{place.resources['room-1']}"
    assert (await stranger.put(room, {"kind": "room", "hours": []})).status_code == 403


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.CLINICIAN, Role.REFERRER, Role.HOME_NURSE, Role.QUALITY])
async def test_only_schedulers_and_operations_keep_the_directory(place: Place, role: Role) -> None:
    person = place.person(role, CLINIC)
    assert (await person.post("/facilities", NEW, version=None)).status_code == 403
    assert (await person.read("/facilities", code=CENTRE))["items"][0]["code"] == CENTRE


async def test_facilities_are_found_by_what_they_can_do(place: Place) -> None:
    await place.operator.done("/facilities", NEW, version=None)
    both = await place.scheduler.read("/facilities", capability="ultrasound")
    assert [one["code"] for one in both["items"]] == [CENTRE, CLINIC]
    one = await place.scheduler.read("/facilities", capability="cordotomy", kind="hospital")
    assert [one["code"] for one in one["items"]] == [CENTRE]
    first = await place.scheduler.read("/facilities", limit=1)
    rest = await place.scheduler.read("/facilities", limit=1, cursor=first["next"])
    assert ([one["code"] for one in rest["items"]], rest["next"]) == ([CLINIC], None)


async def test_a_resource_is_added_read_and_changed(place: Place) -> None:
    path = f"/facilities/{facility_id(CENTRE)}/resources"
    made = await place.scheduler.post(path, ROOM, version=None)
    assert made.status_code == 201
    shown = made.json()
    assert made.headers["Location"] == f"/resources/{shown['id']}"
    assert (await place.scheduler.post(path, ROOM, version=None)).status_code == 200
    assert (await place.scheduler.post(path, {**ROOM, "hours": []}, version=None)).status_code == 409
    listed = await place.scheduler.read(path, limit=1)
    assert listed["items"] == [shown]
    body = {"kind": "room", "hours": [], "active": False}
    changed = await place.scheduler.put(f"/resources/{shown['id']}", body, version=1)
    assert (changed.headers["ETag"], changed.json()["hours"], changed.json()["active"]) == ('"2"', [], False)
    other = {**body, "active": True}
    assert (await place.scheduler.put(f"/resources/{shown['id']}", other, version=1)).status_code == 412


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/facilities/{centre}", {"kind": "clinic"}),
        ("/resources/{room}", {"kind": "room", "hours": [], "active": False}),
    ],
)
async def test_a_change_sent_again_as_no_answer_came_is_answered_as_done_and_changes_nothing(
    place: Place, path: str, body: dict[str, Any]
) -> None:
    path = path.format(centre=facility_id(CENTRE), room=place.resources["room-1"])
    first = await place.scheduler.put(path, body, version=1)
    said = await place.said(facility_id(CENTRE))
    again = await place.scheduler.put(path, body, version=1)
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert first.headers["ETag"] == again.headers["ETag"] == '"2"'
    assert await place.said(facility_id(CENTRE)) == said


async def test_what_is_not_listed_is_not_found(place: Place) -> None:
    for path in (f"/facilities/{uuid4()}", f"/facilities/{uuid4()}/resources", f"/resources/{uuid4()}"):
        assert (await place.scheduler.get(path)).status_code == 404
    assert (await place.operator.post(f"/facilities/{uuid4()}/resources", ROOM, version=None)).status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"kind": "castle"}, {"timezone": "Mars/Olympus"}, {"code": "two words"}, {"capabilites": []}]
)
async def test_a_facility_that_makes_no_sense_is_refused_and_not_listed(place: Place, wrong: dict[str, Any]) -> None:
    answer = await place.operator.post("/facilities", {**NEW, **wrong}, version=None)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(wrong))}"
    assert (await place.scheduler.read("/facilities"))["items"][0]["code"] == CENTRE


async def test_listing_a_facility_needs_a_key(place: Place) -> None:
    headers = {"Authorization": f"Bearer {place.operator.token}"}
    assert (await place.client.post("/facilities", json=NEW, headers=headers)).status_code == 400
