"""Referrals over HTTP: who may do what, in which state, with which version, and what others see of it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from backbone.access import admit
from reliefpath.vocabulary import Role, facility_id
from stack.keys import Keys
from tests.support.referral import CLOSED, HOME, LARGER, RECEIVER, SENDER, STRANGER, Person, Place, draft


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    return document


def codes(document: dict[str, Any]) -> list[str]:
    return sorted(reason["code"] for reason in document["errors"])


async def test_a_referral_goes_from_draft_to_its_closing_report(place: Place) -> None:
    active = await place.active()
    url = f"/referrals/{active['id']}"
    await place.clinician.done(f"{url}/confer", {"attendance": ["pain", "oncology"], "recommended": ["SCS"]})
    closed = await place.clinician.done(f"{url}/complete", {"report": "Pain is at the goal."})
    assert closed["state"] == "completed"
    assert "closing_report" in {note["kind"] for note in closed["notes"]}
    assert await place.told(active["journey"]) == [
        "ReferralRequested",
        "ReferralReceived",
        "ReferralAccepted",
        "AssessmentRecorded",
        "ConferenceHeld",
        "ReferralCompleted",
    ]


async def test_a_draft_is_the_senders_alone(place: Place) -> None:
    made = await place.referrer.done("/referrals", draft(), version=None)
    assert made["state"] == "draft"
    assert await place.said() == []
    problem(await place.coordinator.get(f"/referrals/{made['id']}"), 404)
    assert (await place.coordinator.get("/referrals")).json()["items"] == []


async def test_a_new_referral_says_where_it_is_and_which_version_it_has(place: Place) -> None:
    answer = await place.referrer.post("/referrals", draft(), version=None)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/referrals/{answer.json()['id']}"
    assert answer.headers["etag"] == '"1"'


async def test_everything_wrong_with_a_draft_is_told_at_once(place: Place) -> None:
    body = draft(to="nowhere", sender=RECEIVER, signs=["moody"])
    refused = problem(await place.referrer.post("/referrals", body, version=None), 422)
    assert codes(refused) == ["facility-unknown", "sender", "sign-unknown"]
    body = draft()
    body["patient"]["identifiers"], body["setting"], body["surprise"] = [], "moon", 1
    refused = problem(await place.referrer.post("/referrals", body, version=None), 422)
    assert {one["pointer"] for one in refused["errors"]} == {"/patient/identifiers", "/setting", "/surprise"}


async def test_a_referral_to_a_closed_facility_is_refused(place: Place) -> None:
    refused = problem(await place.referrer.post("/referrals", draft(to=CLOSED), version=None), 409)
    assert codes(refused) == ["facility-not-accepting"]


async def test_a_second_open_referral_of_a_person_names_the_first(place: Place) -> None:
    body = draft()
    made = await place.referrer.done("/referrals", body, version=None)
    refused = problem(await place.referrer.post("/referrals", body, version=None), 409)
    assert refused["existing"] == made["id"]
    await place.referrer.done(f"/referrals/{made['id']}/withdraw", {"reason_code": "mistake"})
    assert (await place.referrer.post("/referrals", body, version=None)).status_code == 201


async def test_what_is_missing_stands_in_the_way_of_accepting_until_somebody_says_why_not(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    await place.coordinator.done(f"{url}/receive")
    shown = (await place.coordinator.get(url)).json()
    [accept] = [one for one in shown["allowed_actions"] if one["action"] == "accept"]
    assert not accept["possible"]
    refused = problem(await place.coordinator.post(f"{url}/accept", {"urgency": "urgent"}), 409)
    assert codes(refused) == sorted(one["code"] for one in accept["unmet"])
    assert all(one["satisfy"] for one in refused["errors"])
    done = await place.coordinator.done(f"{url}/accept", {"urgency": "urgent", "override_reason": "I know her."})
    assert [note["text"] for note in done["notes"] if note["kind"] == "override"] == ["I know her."]


async def test_an_accepted_referral_tells_schedulers_the_urgency_and_the_drugs_to_hold(place: Place) -> None:
    drugs = [
        {"kind": "anticoagulant", "display": "apixaban 5 MG", "current": True},
        {"kind": "antiplatelet", "drug": "aspirin", "current": False},
    ]
    accepted = await place.accepted(facts=drugs)
    [event] = [one for one in await place.said(accepted["journey"]) if type(one).__name__ == "ReferralAccepted"]
    assert event.model_dump()["antithrombotics"] == ("apixaban",)
    assert event.model_dump()["urgency"] == "urgent"


async def test_the_records_propose_an_urgency_and_say_why(place: Place) -> None:
    shown = await place.requested()
    assert shown["proposal"]["urgency"] == "urgent"
    assert shown["proposal"]["reasons"][0]["rules"] == ["URGENCY-URGENT@1"]
    assert shown["proposed_urgency"] == "urgent"


async def test_an_action_in_the_wrong_state_is_refused_and_the_right_ones_are_named(place: Place) -> None:
    sent = await place.requested()
    before = await place.count()
    refused = problem(await place.clinician.post(f"/referrals/{sent['id']}/complete", {"report": "done"}), 409)
    assert codes(refused) == ["wrong-state"]
    coordinator = problem(
        await place.coordinator.post(f"/referrals/{sent['id']}/decline", {"reason_code": "x", "advice": "y"}), 409
    )
    assert coordinator["allowed_actions"] == ["receive", "enter-in-error", "record-death"]
    assert await place.count() == before


async def test_a_stale_version_is_refused_and_the_present_one_is_named(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}/receive"
    answer = await place.coordinator.post(url, version=sent["version"] - 1)
    assert codes(problem(answer, 412)) == ["stale"]
    assert answer.headers["etag"] == f'"{sent["version"]}"'
    assert (await place.coordinator.post(url, version=sent["version"])).status_code == 200


async def test_a_change_without_a_version_is_refused(place: Place) -> None:
    sent = await place.requested()
    problem(await place.coordinator.post(f"/referrals/{sent['id']}/receive", version=None), 428)
    problem(await place.coordinator.post(f"/referrals/{sent['id']}/receive", version="garbage"), 400)


async def test_a_change_without_a_key_is_refused(place: Place) -> None:
    sent = await place.requested()
    headers = {"Authorization": f"Bearer {place.coordinator.token}", "If-Match": "*"}
    answer = await place.client.post(f"/referrals/{sent['id']}/receive", headers=headers)
    assert codes(problem(answer, 400)) == ["idempotency-key"]


async def test_a_repeated_change_takes_effect_once_and_another_under_its_key_is_refused(place: Place) -> None:
    sent = await place.requested()
    url, key = f"/referrals/{sent['id']}", str(uuid4())
    first = await place.coordinator.post(f"{url}/receive", key=key, version=sent["version"])
    again = await place.coordinator.post(f"{url}/receive", key=key, version=sent["version"])
    assert again.content == first.content
    assert await place.told(sent["journey"]) == ["ReferralRequested", "ReferralReceived"]
    body = {"reason_code": "no", "advice": "none"}
    refused = await place.coordinator.post(f"{url}/decline", body, key=key)
    assert codes(problem(refused, 422)) == ["idempotency-key-reused"]


async def test_malformed_json_is_refused(place: Place) -> None:
    headers = {"Authorization": f"Bearer {place.referrer.token}", "Idempotency-Key": "k"}
    headers["Content-Type"] = "application/json"
    problem(await place.client.post("/referrals", content=b"{", headers=headers), 400)
    headers["Content-Type"] = "text/plain"
    problem(await place.client.post("/referrals", content=b"{}", headers=headers), 415)


async def test_a_large_body_is_refused(place: Place) -> None:
    problem(await place.referrer.post("/referrals", draft(note="x" * 2_000_000), version=None), 413)


def forged(keys: Keys) -> str:
    """A token whose role was raised after it was signed."""
    head, body, signature = keys.token(Role.REFERRER, "r", [facility_id(RECEIVER)]).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) | {"role": "coordinator"}
    raised = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{raised}.{signature}"


async def test_an_expired_a_forged_and_a_misdirected_token_are_refused(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sent = await place.requested()
    stranger = Keys(tmp_path_factory.mktemp("stranger"))
    stranger.ensure()
    elsewhere = Keys(place.keys.folder, audience="somebody-else")
    facilities = [facility_id(RECEIVER)]
    before = await place.count()
    for token in (
        place.keys.token(Role.COORDINATOR, "c", facilities, timedelta(hours=-1)),
        forged(place.keys),
        stranger.token(Role.COORDINATOR, "c", facilities),
        elsewhere.token(Role.COORDINATOR, "c", facilities),
        "nonsense",
    ):
        person = Person(place.client, token)
        for answer in (
            await person.get(f"/referrals/{sent['id']}"),
            await person.post(f"/referrals/{sent['id']}/receive"),
        ):
            assert codes(problem(answer, 401))
            assert "www-authenticate" in answer.headers
            assert "Doe" not in answer.text
    no_token = await place.client.get(f"/referrals/{sent['id']}")
    assert codes(problem(no_token, 401)) == ["no-token"]
    assert await place.count() == before


async def test_another_facilitys_journey_cannot_be_told_from_one_that_does_not_exist(place: Place) -> None:
    sent = await place.requested()
    stranger = place.person(Role.COORDINATOR, STRANGER)
    before = await place.count()
    for path in ("/referrals/{}", "/referrals/{}/receive"):
        call = stranger.post if path.endswith("receive") else stranger.get
        hidden, absent = await call(path.format(sent["id"])), await call(path.format(uuid4()))
        for answer in (hidden, absent):
            document = problem(answer, 404)
            document.pop("trace_id")
            assert "Doe" not in answer.text
        assert [hidden.json()[part] for part in ("title", "detail", "errors")] == [
            absent.json()[part] for part in ("title", "detail", "errors")
        ]
    assert (await stranger.get("/referrals")).json()["items"] == []
    assert await place.count() == {**before, "backbone.audit": (await place.count())["backbone.audit"]}


@pytest.mark.parametrize("role", [Role.OPERATIONS, Role.QUALITY, Role.PATIENT])
async def test_who_does_not_care_for_the_patient_reads_no_referral(place: Place, role: Role) -> None:
    sent = await place.requested()
    person = place.person(role, RECEIVER, journey=sent["journey"] if role is Role.PATIENT else None)
    problem(await person.get(f"/referrals/{sent['id']}"), 403)
    problem(await person.get("/referrals"), 403)


async def test_the_sender_does_not_triage_and_the_receiver_does_not_send(place: Place) -> None:
    made = await place.referrer.done("/referrals", draft(), version=None)
    sender = place.person(Role.COORDINATOR, SENDER)
    sent = await sender.done(f"/referrals/{made['id']}/send")
    refused = problem(await sender.post(f"/referrals/{sent['id']}/receive"), 403)
    assert codes(refused) == ["wrong-side"]
    assert codes(problem(await place.referrer.post(f"/referrals/{sent['id']}/receive"), 403)) == ["wrong-role"]


async def test_information_is_asked_for_supplied_and_the_referral_goes_on_where_it_was(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    await place.coordinator.done(f"{url}/receive")
    asked = {"items": ["performance-status"], "question": "How does she walk?"}
    waiting = await place.coordinator.done(f"{url}/ask-information", asked)
    assert (waiting["state"], waiting["returns_to"]) == ("awaiting_information", "received")
    assert waiting["asked_items"] == ["performance-status"]
    supplied = await place.referrer.done(
        f"{url}/supply-information",
        {
            "items": ["performance-status"],
            "facts": [{"kind": "ecog", "value": 1, "on": "2026-11-23"}],
            "answer": "Well.",
        },
    )
    assert (supplied["state"], supplied["asked_items"]) == ("received", [])
    assert "performance-status" in {one["code"] for one in sent["missing"]}
    assert "performance-status" not in {one["code"] for one in supplied["missing"]}
    [fact] = [fact for fact in supplied["facts"] if fact["kind"] == "ecog"]
    assert (fact["source"], fact["path"]) == ("typed", "referrer")
    assert [note["kind"] for note in supplied["notes"]] == ["question", "answer"]


async def test_a_redirected_referral_goes_on_elsewhere_in_its_journey_under_its_first_clock(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    await place.coordinator.done(f"{url}/receive")
    parent = await place.clinician.done(f"{url}/redirect", {"to": LARGER, "reason_code": "needs-implants"})
    assert parent["state"] == "redirected"
    larger = place.person(Role.COORDINATOR, LARGER)
    [child] = list((await larger.get("/referrals", state="requested")).json()["items"])
    assert child["journey"] == sent["journey"]
    shown = await larger.done(f"/referrals/{child['id']}/receive")
    assert shown["parent"] == sent["id"]
    assert shown["clock_started_at"] == sent["clock_started_at"]
    assert shown["facts"] == parent["facts"]
    assert await place.told(sent["journey"]) == [
        "ReferralRequested",
        "ReferralReceived",
        "ReferralRedirected",
        "ReferralRequested",
        "ReferralReceived",
    ]
    again = await place.coordinator.post(f"{url}/redirect", {"to": LARGER, "reason_code": "again"})
    assert codes(problem(again, 409)) == ["wrong-state"]


async def test_a_redirection_to_the_same_or_an_unknown_place_is_refused(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    await place.coordinator.done(f"{url}/receive")
    same = await place.coordinator.post(f"{url}/redirect", {"to": RECEIVER, "reason_code": "x"})
    assert codes(problem(same, 409)) == ["facility-the-same"]
    unknown = await place.coordinator.post(f"{url}/redirect", {"to": "nowhere", "reason_code": "x"})
    assert codes(problem(unknown, 422)) == ["facility-unknown"]


async def test_an_accepted_referral_is_cancelled_only_when_the_other_side_agrees(place: Place) -> None:
    accepted = await place.accepted()
    url = f"/referrals/{accepted['id']}"
    problem(await place.referrer.post(f"{url}/withdraw", {"reason_code": "moved-away"}), 409)
    await place.referrer.done(f"{url}/request-cancellation", {"reason_code": "moved-away"})
    own = await place.referrer.post(f"{url}/confirm-cancellation")
    assert codes(problem(own, 403)) == ["own-request"]
    back = await place.coordinator.done(f"{url}/refuse-cancellation", {"reason_code": "already-booked"})
    assert (back["state"], back["cancellation_by"]) == ("accepted", None)
    await place.referrer.done(f"{url}/request-cancellation", {"reason_code": "moved-away"})
    assert (await place.coordinator.done(f"{url}/confirm-cancellation"))["state"] == "cancelled"


async def test_who_only_sees_the_journey_asks_for_no_cancellation(place: Place) -> None:
    accepted = await place.accepted()
    async with place.work() as uow:
        await admit(uow, accepted["journey"], [facility_id(HOME)])
    nurse = place.person(Role.HOME_NURSE, HOME)
    assert (await nurse.get(f"/referrals/{accepted['id']}")).json()["your_sides"] == []
    answer = await nurse.post(f"/referrals/{accepted['id']}/request-cancellation", {"reason_code": "x"})
    assert codes(problem(answer, 403)) == ["wrong-side"]
    died = await nurse.done(f"/referrals/{accepted['id']}/record-death", {"died_on": "2026-11-22"})
    assert (died["state"], died["patient"]["died_on"]) == ("cancelled", "2026-11-22")


async def test_a_declined_referral_carries_its_advice_and_can_be_reopened_under_its_first_clock(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    await place.coordinator.done(f"{url}/receive")
    problem(await place.coordinator.post(f"{url}/decline", {"reason_code": "too-early"}), 422)
    declined = await place.coordinator.done(f"{url}/decline", {"reason_code": "too-early", "advice": "Rotate first."})
    assert [note["text"] for note in declined["notes"]] == ["Rotate first."]
    assert declined["closed_at"]
    reopened = await place.referrer.done(f"{url}/reopen", {"reason_code": "rotated"})
    assert (reopened["state"], reopened["closed_at"]) == ("received", None)
    assert reopened["clock_started_at"] == sent["clock_started_at"]


async def test_nothing_is_reopened_after_a_death(place: Place) -> None:
    accepted = await place.accepted()
    url = f"/referrals/{accepted['id']}"
    await place.clinician.done(f"{url}/record-death")
    assert codes(problem(await place.clinician.post(f"{url}/reopen", {"reason_code": "x"}), 409)) == [
        "patient-deceased"
    ]


async def test_a_held_referral_goes_on_where_it_was_held(place: Place) -> None:
    active = await place.active()
    url = f"/referrals/{active['id']}"
    held = await place.coordinator.done(f"{url}/hold", {"reason_code": "infection"})
    assert (held["state"], held["returns_to"]) == ("on_hold", "active")
    assert (await place.coordinator.done(f"{url}/resume"))["state"] == "active"


async def test_reading_is_written_down(place: Place) -> None:
    sent = await place.requested()
    await place.coordinator.get(f"/referrals/{sent['id']}")
    await place.coordinator.get("/referrals")
    rows = await place.rows(
        "SELECT action, actor FROM backbone.audit"
        " WHERE action IN ('read', 'list') AND CAST(:journey AS uuid) = ANY(journeys)",
        journey=sent["journey"],
    )
    assert {(row["action"], row["actor"]) for row in rows} == {
        ("read", "coordinator:coordinator-subject"),
        ("list", "coordinator:coordinator-subject"),
    }
