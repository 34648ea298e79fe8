"""Appointments over HTTP: what is shown to whom, and how everything that is not possible is refused."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from reliefpath.vocabulary import Role
from scheduling.app import build
from scheduling.commands.allocation import lock_resources
from scheduling.lifecycle import APPOINTMENT
from tests.support.place import Person
from tests.support.scheduling import CENTRE, CLINIC, SENDER, STRANGER, Place

BODIES: dict[str, Any] = {
    "cancel": {"reason_code": "unwell"},
    "reschedule": {"reason_code": "unwell"},
    "record-hold": {"drug": "warfarin", "last_dose_at": "2030-01-01T00:00:00Z"},
    "record-discussion": {"drug": "warfarin", "reason_code": "agreed"},
}


def test_there_is_a_route_for_every_action_a_person_may_take_and_for_no_other() -> None:
    paths = build().openapi()["paths"]
    routed = {path.rpartition("/")[2] for path in paths if path.startswith("/appointments/{id}/")} - {"slots"}
    assert routed == {one.action for one in APPOINTMENT.transitions if one.offered and one.sources}


async def test_an_appointment_is_shown_with_what_may_be_done_and_what_is_in_the_way(place: Place) -> None:
    made = await place.procedure(antithrombotics=("warfarin", "snake-oil"))
    answer = await place.scheduler.get(f"/appointments/{made['id']}")
    assert answer.headers["ETag"] == '"1"'
    allowed = {one["action"]: one for one in answer.json()["allowed_actions"]}
    assert set(allowed) == {"waitlist", "offer", "book", "cancel"}
    assert allowed["waitlist"]["possible"]
    assert not allowed["book"]["possible"]
    assert {one["code"] for one in allowed["book"]["unmet"]} == {"hold-undecided", "hold-unknown"}
    assert all(one["satisfy"] for one in allowed["book"]["unmet"])


async def test_everybody_is_offered_only_their_own_actions(place: Place) -> None:
    made = await place.booked()

    async def actions(person: Person) -> set[str]:
        shown = await person.read(f"/appointments/{made['id']}")
        return {one["action"] for one in shown["allowed_actions"]}

    assert await actions(place.patient(made["journey"])) == {"confirm", "cancel"}
    assert await actions(place.clinician) == {"arrive", "cancel", "record-hold", "record-discussion"}
    assert await actions(place.person(Role.REFERRER, SENDER)) == {"cancel"}


async def test_those_who_do_not_care_for_the_patient_read_no_appointment(place: Place) -> None:
    made = await place.requested()
    quality = place.everywhere(Role.QUALITY)
    for person in (place.operator, quality):
        for path in ("/appointments", f"/appointments/{made['id']}", f"/appointments/{made['id']}/slots"):
            assert (await person.get(path, minutes=60)).status_code == 403


async def test_a_read_is_written_down(place: Place) -> None:
    made = await place.requested()
    before = await place.value("SELECT count(*) FROM backbone.audit")
    await place.clinician.read(f"/appointments/{made['id']}")
    (row,) = await place.rows("SELECT * FROM backbone.audit ORDER BY id OFFSET :before", before=before)
    assert (row["action"], row["resource"], row["actor"]) == ("read", "appointment", "clinician:clinician-subject")
    assert row["journeys"] == [UUID(made["journey"])]


@pytest.mark.parametrize("action", [one.action for one in APPOINTMENT.transitions if one.offered and one.sources])
async def test_to_a_facility_that_is_not_on_the_journey_there_is_nothing(place: Place, action: str) -> None:
    made = await place.requested()
    role = min(APPOINTMENT[action].by)
    stranger = place.person(role, STRANGER, journey=uuid4() if role is Role.PATIENT else None)
    body = await place.slot() if action in {"book", "offer"} else BODIES.get(action, {})
    answer = await stranger.post(f"/appointments/{made['id']}/{action}", body)
    nowhere = await stranger.post(f"/appointments/{uuid4()}/{action}", body)
    assert answer.status_code == nowhere.status_code == 404
    assert {**answer.json(), "trace_id": ""} == {**nowhere.json(), "trace_id": ""}
    assert (await place.only(made["journey"]))["version"] == 1


async def test_reading_what_is_not_on_ones_journey_finds_nothing(place: Place) -> None:
    made = await place.requested()
    for person in (
        place.person(Role.SCHEDULER, STRANGER),
        place.person(Role.SCHEDULER),
        place.patient(uuid4()),
    ):
        assert (await person.get(f"/appointments/{made['id']}")).status_code == 404
        assert (await person.get(f"/appointments/{made['id']}/slots", minutes=60)).status_code == 404
        assert (await person.read("/appointments"))["items"] == []


async def test_only_the_facility_of_the_appointment_books_it(place: Place) -> None:
    made = await place.requested()
    sender = place.person(Role.SCHEDULER, SENDER)
    answer = await sender.post(f"/appointments/{made['id']}/book", await place.slot())
    assert answer.status_code == 403
    assert [one["code"] for one in answer.json()["errors"]] == ["wrong-side"]


async def test_a_role_that_may_not_is_told_who_may(place: Place) -> None:
    made = await place.requested()
    answer = await place.clinician.post(f"/appointments/{made['id']}/book", await place.slot())
    assert answer.status_code == 403
    assert "scheduler" in answer.json()["errors"][0]["satisfy"]


async def test_an_action_in_the_wrong_state_says_what_is_possible_instead(place: Place) -> None:
    made = await place.requested()
    answer = await place.scheduler.post(f"/appointments/{made['id']}/confirm")
    assert answer.status_code == 409
    problem = answer.json()
    assert [one["code"] for one in problem["errors"]] == ["wrong-state"]
    assert set(problem["allowed_actions"]) == {"waitlist", "offer", "book", "cancel"}


async def test_a_version_that_is_no_longer_the_present_one_is_refused(place: Place) -> None:
    made = await place.booked()
    answer = await place.scheduler.post(f"/appointments/{made['id']}/confirm", version=1)
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert (await place.scheduler.post(f"/appointments/{made['id']}/confirm", version=2)).status_code == 200


async def test_an_action_without_a_version_or_a_key_is_refused(place: Place) -> None:
    made = await place.booked()
    path = f"/appointments/{made['id']}/confirm"
    assert (await place.scheduler.post(path, version=None)).status_code == 428
    headers = {"Authorization": f"Bearer {place.scheduler.token}", "If-Match": "*"}
    answer = await place.client.post(path, json={}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("idempotency-key-missing")
    assert (await place.only(made["journey"]))["state"] == "booked"


async def test_the_same_request_twice_has_one_effect_and_one_answer(place: Place) -> None:
    made, slot, key = await place.requested(), await place.slot(), str(uuid4())
    path = f"/appointments/{made['id']}/book"
    first = await place.scheduler.post(path, slot, key=key)
    again = await place.scheduler.post(path, slot, key=key)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    other = await place.scheduler.post(path, {**slot, "minutes": 30}, key=key)
    assert other.status_code == 422
    assert await place.told(made["journey"]) == ["AppointmentRequested", "AppointmentBooked"]


async def test_without_a_token_nothing_is_answered(place: Place) -> None:
    assert (await place.client.get("/appointments")).status_code == 401
    assert (await place.client.post(f"/appointments/{uuid4()}/book", json={})).status_code == 401


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"minutes": 0}, "/minutes"),
        ({"starts_at": "tomorrow"}, "/starts_at"),
        ({"starts_at": "2030-01-01T09:00:00"}, "/starts_at"),
        ({"resources": []}, "/resources"),
        ({"room": 1}, "/room"),
    ],
)
async def test_a_slot_that_makes_no_sense_is_refused_with_its_place(
    place: Place, wrong: dict[str, Any], pointer: str
) -> None:
    made = await place.requested()
    answer = await place.scheduler.post(f"/appointments/{made['id']}/book", {**await place.slot(), **wrong})
    assert answer.status_code == 422
    assert pointer in [one["pointer"] for one in answer.json()["errors"]]


async def test_every_conflict_is_told_at_once_with_what_is_free_instead(place: Place) -> None:
    await place.booked(hours=24)
    made = await place.procedure(antithrombotics=("warfarin",))
    slot = await place.slot(24, 60, "room-1", "dr-1")
    slot["resources"].append(str(uuid4()))
    answer = await place.scheduler.post(f"/appointments/{made['id']}/book", slot)
    assert answer.status_code == 409
    problem = answer.json()
    assert {(one["code"], one.get("pointer")) for one in problem["errors"]} == {
        ("resource-taken", "/resources/0"),
        ("resource-taken", "/resources/1"),
        ("resource-unknown", "/resources/2"),
        ("need-unmet", "/resources"),
        ("hold-undecided", None),
    }
    assert problem["alternatives"][0]["codes"] == ["dr-2", "c-arm", "room-2"]
    assert await place.value("SELECT count(*) FROM allocations WHERE appointment = :id", id=UUID(made["id"])) == 0


async def test_a_proposed_alternative_can_be_booked_as_it_is(place: Place) -> None:
    await place.booked(hours=24)
    made = await place.requested()
    path = f"/appointments/{made['id']}/book"
    first = (await place.scheduler.post(path, await place.slot(24))).json()["alternatives"][0]
    taken = {name: first[name] for name in ("starts_at", "minutes", "resources")}
    assert (await place.scheduler.done(path, taken))["state"] == "booked"


async def test_slots_are_proposed_in_order_and_can_be_booked_as_they_are(place: Place) -> None:
    made = await place.procedure()
    path = f"/appointments/{made['id']}"
    found = await place.scheduler.read(f"{path}/slots", minutes=90, most=4)
    begins = [datetime.fromisoformat(one["starts_at"]) for one in found["slots"]]
    assert begins == sorted(begins)
    assert len(begins) == 4
    assert all(later - earlier >= timedelta(minutes=90) for earlier, later in pairwise(begins))
    assert found["slots"][0]["codes"] == ["dr-1", "c-arm", "room-1"]
    taken = {name: found["slots"][0][name] for name in ("starts_at", "minutes", "resources")}
    assert (await place.scheduler.done(f"{path}/book", taken))["state"] == "booked"


async def test_slots_say_what_stands_against_any_of_them(place: Place) -> None:
    made = await place.procedure(antithrombotics=("snake-oil",), modality="ITDD_PUMP")
    found = await place.scheduler.read(f"/appointments/{made['id']}/slots", minutes=60)
    assert [one["code"] for one in found["unmet"]] == ["hold-unknown"]
    assert found["slots"]


async def test_slots_after_the_authorisation_are_not_proposed(place: Place) -> None:
    until = await place.now() + timedelta(hours=5)
    made = await place.procedure(valid_until=until)
    found = await place.scheduler.read(f"/appointments/{made['id']}/slots", minutes=60, most=100)
    assert 0 < len(found["slots"]) <= 5
    assert all(datetime.fromisoformat(one["starts_at"]) <= until for one in found["slots"])


@pytest.mark.parametrize("query", [{}, {"minutes": 0}, {"minutes": 60, "days": 93}, {"minutes": 60, "from": "now"}])
async def test_a_search_that_makes_no_sense_is_refused(place: Place, query: dict[str, Any]) -> None:
    made = await place.requested()
    assert (await place.scheduler.get(f"/appointments/{made['id']}/slots", **query)).status_code == 422


async def test_the_worklist_goes_on_where_its_last_page_ended(place: Place) -> None:
    for urgency in ("routine", "urgent", "soon", "urgent", "emergency"):
        await place.requested(urgency=urgency)
    whole = await place.scheduler.read("/appointments")
    assert [one["urgency"] for one in whole["items"]] == ["emergency", "urgent", "urgent", "soon", "routine"]
    first = await place.scheduler.get("/appointments", limit=2)
    assert 'rel="next"' in first.headers["Link"]
    paged, cursor = first.json()["items"], first.json()["next"]
    while cursor:
        page = await place.scheduler.read("/appointments", limit=2, cursor=cursor)
        paged, cursor = paged + page["items"], page["next"]
    assert paged == whole["items"]
    assert (await place.scheduler.get("/appointments", cursor="nonsense")).status_code == 422


async def test_a_journey_at_two_facilities_is_seen_by_both(place: Place) -> None:
    made = await place.requested()
    clinic = place.person(Role.SCHEDULER, CLINIC, CENTRE)
    assert [one["id"] for one in (await clinic.read("/appointments"))["items"]] == [made["id"]]


async def test_when_the_database_goes_away_meanwhile_nothing_is_written_and_the_caller_may_come_again(
    place: Place,
) -> None:
    made, slot = await place.requested(), await place.slot()
    async with place.work() as uow:
        await lock_resources(uow, map(UUID, place.resources.values()))
        waiting = asyncio.create_task(place.scheduler.post(f"/appointments/{made['id']}/book", slot))
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        while not await place.rows(ended):
            await asyncio.sleep(0.02)
        answer = await waiting
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("unavailable")
    assert answer.headers["Retry-After"]
    assert (await place.scheduler.done(f"/appointments/{made['id']}/book", slot))["state"] == "booked"
