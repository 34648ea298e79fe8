"""A handover over a real database: offered, answered or not, active, given back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role, Setting, facility_id
from tests.support.followup import (
    FULL_HOME,
    HOME,
    PLAIN_HOME,
    RECEIVER,
    SENDER,
    Place,
    Story,
    codes,
    problem,
)

ANSWER = Rulebook.load().operation("OPS-HANDOVER-ANSWER").wait.longest


async def offered(place: Place, story: Story, to: str = HOME, **more: Any) -> Any:
    return await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": to, **more})


async def test_a_team_that_is_asked_sees_the_journey_from_then_on(place: Place) -> None:
    story = await place.performed(modality="SCS")
    assert (await place.nurse.read("/check-ins"))["items"] == []
    shown = await offered(place, story, note="Prefers mornings.")
    assert (shown["state"], shown["version"], shown["from_facility"]["code"], shown["to_facility"]["code"]) == (
        "offered",
        1,
        RECEIVER,
        HOME,
    )
    [found] = (await place.nurse.read("/handovers", state="offered"))["items"]
    assert found["remarks"][0]["text"] == "Prefers mornings."
    assert [one["action"] for one in found["allowed_actions"]] == ["accept", "refuse", "end"]
    assert len((await place.nurse.read("/check-ins"))["items"]) == 10
    said = (await place.said(story.journey))[-1]
    assert isinstance(said, events.HandoverOffered)
    assert (said.referral, said.from_facility, said.to_facility) == (
        story.referral,
        facility_id(RECEIVER),
        facility_id(HOME),
    )


async def test_it_is_accepted_activated_and_given_back(place: Place) -> None:
    story = await place.performed(modality="SCS")
    path = f"/handovers/{(await offered(place, story))['id']}"
    assert (await place.nurse.done(f"{path}/accept", {"note": "Tomorrow."}))["state"] == "accepted"
    await place.pass_time(2 * ANSWER)
    assert (await place.nurse.done(f"{path}/activate"))["state"] == "active"
    body = {"setting": "hospital", "reason_code": "needs-a-bed"}
    shown = await place.nurse.done(f"{path}/return", body)
    assert (shown["state"], shown["setting"], shown["reason_code"]) == ("returned", "hospital", "needs-a-bed")
    about = [event for event in await place.said(story.journey) if isinstance(event, events.AboutHandover)]
    assert [type(event).__name__ for event in about] == [
        "HandoverOffered",
        "HandoverAccepted",
        "HandoverActivated",
        "HandoverReturned",
    ]
    assert isinstance(about[2], events.HandoverActivated)
    assert about[2].setting is Setting.HOME


async def test_an_offer_that_nobody_answers_times_out_and_may_be_made_again_to_another(place: Place) -> None:
    story = await place.performed(modality="SCS")
    first = await offered(place, story, PLAIN_HOME)
    await place.pass_time(ANSWER - timedelta(minutes=1))
    assert (await place.coordinator.read(f"/handovers/{first['id']}"))["state"] == "offered"
    await place.pass_time(timedelta(minutes=1))
    assert (await place.coordinator.read(f"/handovers/{first['id']}"))["state"] == "timed_out"
    late = place.person(Role.HOME_NURSE, PLAIN_HOME)
    refused = await late.post(f"/handovers/{first['id']}/accept")
    assert codes(problem(refused, 409, "action-refused")) == ["wrong-state"]

    second = await offered(place, story, HOME, follows=first["id"])
    assert second["follows"] == first["id"]
    said = (await place.said(story.journey))[-1]
    assert isinstance(said, events.HandoverOffered)
    assert str(said.follows) == first["id"]


async def test_a_refusal_says_why(place: Place) -> None:
    story = await place.performed(modality="SCS")
    shown = await offered(place, story)
    body = {"reason_code": "no-capacity", "note": "Two nurses are ill."}
    done = await place.nurse.done(f"/handovers/{shown['id']}/refuse", body)
    assert (done["state"], done["reason_code"]) == ("refused", "no-capacity")
    assert (await place.said(story.journey))[-1] == events.HandoverRefused(
        handover=shown["id"],
        referral=story.referral,
        to_facility=facility_id(HOME),
        reason_code="no-capacity",
    )
    assert len([one for one in (await place.told(story.journey)) if one == "HandoverTimedOut"]) == 0


async def test_only_the_team_that_was_asked_answers(place: Place) -> None:
    story = await place.performed(modality="SCS")
    shown = await offered(place, story)
    other = place.person(Role.HOME_NURSE, RECEIVER)
    found = problem(await other.post(f"/handovers/{shown['id']}/accept"), 403, "action-forbidden")
    assert codes(found) == ["wrong-side"]
    found = problem(await place.coordinator.post(f"/handovers/{shown['id']}/accept"), 403, "forbidden")
    assert codes(found) == ["wrong-role"]


@pytest.mark.parametrize(
    ("to", "code"),
    [(RECEIVER, "not-a-home-team"), (FULL_HOME, "not-accepting"), ("nowhere", "facility-unknown")],
)
async def test_who_cannot_take_a_patient_is_not_asked(place: Place, to: str, code: str) -> None:
    story = await place.performed(modality="SCS")
    before = await place.count()
    answer = await place.coordinator.post("/handovers", {"journey": str(story.journey), "to": to})
    found = problem(answer, 409, "action-refused")
    assert codes(found) == [code]
    assert found["errors"][0]["pointer"] == "/to"
    assert await place.count() == before


async def test_a_second_offer_beside_an_open_one_is_refused(place: Place) -> None:
    story = await place.performed(modality="SCS")
    await offered(place, story)
    body = {"journey": str(story.journey), "to": PLAIN_HOME}
    found = problem(await place.coordinator.post("/handovers", body), 409, "action-refused")
    assert codes(found) == ["handover-open"]


async def test_what_a_patient_needs_at_home_is_asked_of_the_team_or_explained(place: Place) -> None:
    story = await place.performed(modality="ITDD_EXT")
    body = {"journey": str(story.journey), "to": PLAIN_HOME}
    found = problem(await place.coordinator.post("/handovers", body), 409, "action-refused")
    assert codes(found) == ["capability-missing"]
    assert found["errors"][0]["rules"] == ["MODALITY-ITDD-EXT@1"]
    shown = await place.coordinator.done("/handovers", {**body, "despite": "The hospital's pharmacy delivers."})
    assert [one["action"] for one in shown["remarks"]] == ["offer-despite"]


async def test_a_handover_of_another_journey_is_nothing_to_follow(place: Place) -> None:
    first, second = await place.performed(modality="SCS"), await place.performed(modality="SCS")
    elsewhere = await offered(place, first)
    body = {"journey": str(second.journey), "to": HOME, "follows": elsewhere["id"]}
    found = problem(await place.coordinator.post("/handovers", body), 409, "action-refused")
    assert codes(found) == ["predecessor-unknown"]


async def test_the_sending_side_may_hand_over_too(place: Place) -> None:
    story = await place.expected()
    sender = place.person(Role.CLINICIAN, SENDER)
    shown = await sender.done("/handovers", {"journey": str(story.journey), "to": HOME})
    assert (shown["from_facility"]["code"], shown["your_sides"]) == (SENDER, ["sender"])


async def test_an_offer_is_withdrawn_by_ending_it(place: Place) -> None:
    story = await place.performed(modality="SCS")
    shown = await offered(place, story)
    done = await place.coordinator.done(f"/handovers/{shown['id']}/end", {"reason_code": "stays-in-hospital"})
    assert done["state"] == "ended"
    await place.pass_time(2 * ANSWER)
    assert "HandoverTimedOut" not in await place.told(story.journey)
