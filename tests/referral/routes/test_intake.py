"""A bundle opens a referral; what cannot is refused with every reason, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from reliefpath.vocabulary import Role, facility_id
from tests.support import bundles
from tests.support.referral import CLOSED, HOME, LARGER, RECEIVER, SENDER, STRANGER, Place, small_bundle


def raw(bundle: Any) -> bytes:
    return json.dumps(bundle).encode()


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal, which always says what to do."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["errors"]
    return document


def codes(document: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in document["errors"]}


async def test_a_bundle_opens_and_sends_a_referral_with_its_facts_and_their_sources(place: Place) -> None:
    answer = await place.referrer.intake(raw(small_bundle()))
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["location"] == f"/referrals/{shown['id']}"
    assert answer.headers["etag"] == f'"{shown["version"]}"'
    assert shown["new"]
    assert shown["referral"]["state"] == "requested"
    assert {(fact["kind"], fact["source"]) for fact in shown["facts"]} == {
        ("diagnosis", "Condition/c1"),
        ("pain_score", "Observation/o1"),
    }
    assert "opioid-history" in {one["code"] for one in shown["missing"]}
    assert await place.told(shown["referral"]["journey"]) == ["ReferralRequested"]


async def test_the_answer_can_be_read_again_as_it_was_given(place: Place) -> None:
    shown = (await place.referrer.intake(raw(small_bundle()))).json()
    read = (await place.referrer.get(f"/referrals/{shown['id']}")).json()
    for part in ("facts", "missing", "not_understood"):
        assert read[part] == shown[part]


async def test_what_was_not_understood_is_kept(place: Place) -> None:
    bundle = small_bundle()
    bundle["entry"].append({"resource": {"resourceType": "Wonder", "id": "w1"}})
    shown = (await place.referrer.intake(raw(bundle))).json()
    assert [one["type"] for one in shown["not_understood"]] == ["Wonder"]
    read = (await place.coordinator.get(f"/referrals/{shown['id']}")).json()
    assert read["not_understood"] == shown["not_understood"]


@pytest.mark.parametrize("encoding", ["gzip", None], ids=["said in the header", "told by its first bytes"])
async def test_a_gzipped_bundle_is_read(place: Place, encoding: str | None) -> None:
    answer = await place.referrer.intake(gzip.compress(raw(small_bundle())), encoding=encoding)
    assert answer.status_code == 201


async def test_the_same_bundle_sent_twice_opens_one_referral(place: Place) -> None:
    bundle = small_bundle()
    first = await place.referrer.intake(raw(bundle))
    again = await place.referrer.intake(json.dumps(bundle, indent=2).encode())
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert not again.json()["new"]
    assert (await place.count())["referrals"] == 1


async def test_the_same_bundle_sent_several_times_at_once_opens_one_referral(place: Place) -> None:
    content = raw(small_bundle())
    answers = await asyncio.gather(*(place.referrer.intake(content) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    count = await place.count()
    assert (count["referrals"], count["patients"], count["backbone.outbox"]) == (1, 1, 1)


async def test_a_repeated_request_gets_its_first_answer(place: Place) -> None:
    content, key = raw(small_bundle()), str(uuid4())
    first = await place.referrer.intake(content, key=key)
    again = await place.referrer.intake(content, key=key)
    assert (again.status_code, again.content) == (201, first.content)


@pytest.mark.parametrize("ending", ["enter-in-error", "withdraw"])
async def test_a_bundle_whose_referral_has_ended_may_be_sent_again(place: Place, ending: str) -> None:
    content = raw(small_bundle())
    first = (await place.referrer.intake(content)).json()
    await place.referrer.done(f"/referrals/{first['id']}/{ending}", {"reason_code": "wrong-patient"})
    again = await place.referrer.intake(content)
    assert again.status_code == 201
    assert again.json()["id"] != first["id"]


async def test_a_referral_reopened_after_its_bundle_was_sent_again_stands_beside_the_new_one(place: Place) -> None:
    content = raw(small_bundle())
    first = (await place.referrer.intake(content)).json()
    await place.referrer.done(f"/referrals/{first['id']}/withdraw", {"reason_code": "another-plan"})
    assert (await place.referrer.intake(content)).status_code == 201
    reopened = await place.coordinator.done(f"/referrals/{first['id']}/reopen", {"reason_code": "plan-changed"})
    assert reopened["state"] == "received"


async def test_a_newer_bundle_of_a_person_already_referred_names_the_open_referral(place: Place) -> None:
    bundle = small_bundle()
    first = (await place.referrer.intake(raw(bundle))).json()
    bundle["entry"].append({"resource": bundles.observation("72514-3", 9, "{score}", id="o2")})
    refused = problem(await place.referrer.intake(raw(bundle)), 409)
    assert codes(refused) == {"open-duplicate"}
    assert refused["existing"] == first["id"]


async def test_a_person_referred_by_another_is_accepted_without_a_word_and_the_receiver_is_asked_to_look(
    place: Place,
) -> None:
    content = raw(small_bundle())
    first = (await place.referrer.intake(content)).json()
    stranger = place.person(Role.REFERRER, STRANGER)
    answer = await stranger.intake(content)
    assert answer.status_code == 201
    assert first["id"] not in answer.text
    assert answer.json()["referral"]["attentions"] == []
    seen = (await place.coordinator.get(f"/referrals/{answer.json()['id']}")).json()
    assert [(one["kind"], one["subject"]) for one in seen["attentions"]] == [("possible_duplicate", first["id"])]


async def test_two_senders_descriptions_of_one_person_stay_apart(place: Place) -> None:
    bundle = small_bundle()
    await place.referrer.intake(raw(bundle))
    bundle["entry"][0]["resource"]["name"] = [{"family": "Somebody", "given": ["Else"]}]
    await place.person(Role.REFERRER, STRANGER).intake(raw(bundle))
    rows = await place.rows("SELECT family FROM patients ORDER BY family")
    assert [row["family"] for row in rows] == ["Doe", "Somebody"]


@pytest.mark.parametrize(
    "death", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-01"}], ids=["a flag", "a day"]
)
async def test_a_person_recorded_as_deceased_is_refused_with_the_reason(place: Place, death: dict[str, Any]) -> None:
    before = await place.count()
    refused = problem(await place.referrer.intake(raw(small_bundle(**death))), 422)
    assert codes(refused) == {"patient-deceased"}
    assert await place.count() == before


async def test_a_record_is_read_as_it_stood_on_a_day_in_a_development_profile(place: Place) -> None:
    content = raw(small_bundle(deceasedDateTime="2026-11-22"))
    answer = await place.referrer.intake(content, as_of="2026-11-21")
    assert answer.status_code == 201
    assert answer.json()["read_on"] == answer.json()["referral"]["as_of"] == "2026-11-21"


async def test_a_day_that_is_still_to_come_is_refused(place: Place) -> None:
    refused = problem(await place.referrer.intake(raw(small_bundle()), as_of="2099-01-01"), 422)
    assert refused["errors"][0]["pointer"] == "/as_of"


async def test_malformed_json_is_refused(place: Place) -> None:
    before = await place.count()
    assert codes(problem(await place.referrer.intake(b'{"resourceType": "Bundle", '), 400)) == {"not-json"}
    assert await place.count() == before


async def test_a_body_nested_beyond_reason_is_refused(place: Place) -> None:
    nested = b'{"resourceType":"Bundle","entry":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert codes(problem(await place.referrer.intake(nested), 400)) == {"too-deep"}


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (bundles.bundle(with_patient=False), "no-patient"),
        (bundles.bundle(bundles.patient(id="second")), "several-patients"),
        ({"resourceType": "Patient"}, "not-a-bundle"),
        ([1, 2], "not-a-bundle"),
    ],
)
async def test_a_bundle_that_is_not_about_one_patient_is_refused(place: Place, bundle: Any, code: str) -> None:
    before = await place.count()
    assert codes(problem(await place.referrer.intake(raw(bundle)), 422)) == {code}
    assert await place.count() == before


async def test_every_reason_is_told_at_once(place: Place) -> None:
    content = raw(bundles.bundle(with_patient=False))
    refused = problem(await place.referrer.intake(content, to="nowhere", sender=RECEIVER, signs=["bad-mood"]), 422)
    assert codes(refused) == {"no-patient", "facility-unknown", "sender", "sign-unknown"}
    assert {one.get("pointer") for one in refused["errors"]} == {"/entry", "/to", "/sender", "/signs/0"}


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/fhir+xml", ""])
async def test_a_wrong_content_type_is_refused(place: Place, media: str) -> None:
    before = await place.count()
    assert codes(problem(await place.referrer.intake(raw(small_bundle()), media=media), 415)) == {"media-type"}
    assert await place.count() == before


async def test_an_encoding_that_is_not_gzip_is_refused(place: Place) -> None:
    assert codes(problem(await place.referrer.intake(b"x", encoding="br"), 415)) == {"content-encoding"}


async def test_text_that_no_database_takes_is_cleaned_and_stored(place: Place) -> None:
    hostile = "Do\x00e\ud800\u202e"
    bundle = small_bundle(
        name=[{"family": hostile, "given": [hostile]}], telecom=[{"system": "phone", "value": hostile}]
    )
    for resource in (
        bundles.condition(hostile, (hostile, hostile), id="c2"),
        {"resourceType": "Wonder", "id": hostile, "code": {"text": hostile}},
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "reasonCode": [{"text": hostile}],
            "code": {"text": hostile},
        },
        {"resourceType": "MedicationRequest", "status": "active", "medicationCodeableConcept": {"text": hostile}},
    ):
        bundle["entry"].append({"resource": resource})
    answer = await place.referrer.intake(raw(bundle))
    assert answer.status_code == 201, answer.text
    assert (await place.coordinator.get(f"/referrals/{answer.json()['id']}")).json()["patient"]["phones"]


async def test_a_gzip_bomb_is_refused(place: Place) -> None:
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)
    before = await place.count()
    assert len(bomb) < 2_000_000
    assert codes(problem(await place.referrer.intake(bomb, encoding="gzip"), 413)) == {"too-large"}
    assert await place.count() == before


async def test_half_a_gzip_body_is_refused(place: Place) -> None:
    half = gzip.compress(raw(small_bundle()))[:-20]
    assert codes(problem(await place.referrer.intake(half, encoding="gzip"), 400)) == {"not-gzip"}


async def test_a_body_of_50_megabytes_is_refused_while_it_streams(place: Place) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield b" " * 1_000_000

    before = await place.count()
    token = place.referrer.token
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/fhir+json",
        "Idempotency-Key": "k",
        "Transfer-Encoding": "chunked",
    }
    asked = {"to": RECEIVER, "reason_code": "pain", "setting": "home"}
    answer = await place.client.post("/intake", content=endless(), headers=headers, params=asked)
    assert codes(problem(answer, 413)) == {"too-large"}
    assert sent < 20
    assert await place.count() == before


async def test_an_unknown_facility_is_refused_and_pointed_at(place: Place) -> None:
    before = await place.count()
    refused = problem(await place.referrer.intake(raw(small_bundle()), to="nowhere"), 422)
    assert [(one["code"], one["pointer"]) for one in refused["errors"]] == [("facility-unknown", "/to")]
    assert await place.count() == before


async def test_a_facility_that_accepts_nobody_is_refused(place: Place) -> None:
    before = await place.count()
    refused = problem(await place.referrer.intake(raw(small_bundle()), to=CLOSED), 409)
    assert codes(refused) == {"facility-not-accepting"}
    assert await place.count() == before


async def test_a_missing_key_is_refused(place: Place) -> None:
    answer = await place.referrer.intake(raw(small_bundle()), key=None)
    assert codes(problem(answer, 400)) == {"idempotency-key"}


async def test_a_key_that_came_with_another_body_is_refused(place: Place) -> None:
    key = str(uuid4())
    await place.referrer.intake(raw(small_bundle()), key=key)
    before = await place.count()
    refused = problem(await place.referrer.intake(raw(small_bundle()), key=key), 422)
    assert codes(refused) == {"idempotency-key-reused"}
    assert await place.count() == before


@pytest.mark.parametrize(
    "role",
    [
        role
        for role in Role
        if role not in ("referrer", "coordinator", "home_nurse", "integration", "system", "patient")
    ],
)
async def test_a_role_that_does_not_refer_is_refused(place: Place, role: Role) -> None:
    answer = await place.person(role, SENDER).intake(raw(small_bundle()))
    assert problem(answer, 403)


async def test_whoever_acts_for_several_facilities_says_which_one_sends(place: Place) -> None:
    both = place.person(Role.REFERRER, SENDER, HOME)
    assert codes(problem(await both.intake(raw(small_bundle())), 422)) == {"sender"}
    answer = await both.intake(raw(small_bundle()), sender=HOME)
    assert answer.json()["referral"]["from_facility"]["code"] == HOME


async def test_a_misspelt_question_is_refused(place: Place) -> None:
    answer = await place.referrer.intake(raw(small_bundle()), urgencey="urgent")
    assert problem(answer, 422)["errors"][0]["pointer"] == "/urgencey"


async def test_nothing_said_or_audited_tells_who_the_patient_is(place: Place) -> None:
    bundle = small_bundle()
    number = bundle["entry"][0]["resource"]["identifier"][0]["value"]
    shown = (await place.referrer.intake(raw(bundle))).json()
    await place.coordinator.done(f"/referrals/{shown['id']}/receive")
    for table in ("outbox", "audit", "deadlines"):
        rows = str(await place.rows(f"SELECT * FROM backbone.{table}"))
        assert "Doe" not in rows
        assert "1950" not in rows
        assert number not in rows


async def test_the_same_person_may_be_referred_to_two_places(place: Place) -> None:
    content = raw(small_bundle())
    first, second = await place.referrer.intake(content), await place.referrer.intake(content, to=LARGER)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json()["referral"]["to_facility"]["id"] == str(facility_id(LARGER))


async def test_while_a_large_bundle_is_read_others_are_answered(place: Place) -> None:
    bundle = small_bundle()
    bundle["entry"] += [
        {"resource": bundles.observation("72514-3", n % 11, "{score}", id=f"p{n}")} for n in range(4000)
    ]
    reading = asyncio.create_task(place.referrer.intake(raw(bundle)))
    await asyncio.sleep(0.05)
    other = await place.coordinator.get("/facilities")
    assert other.status_code == 200
    assert not reading.done()
    assert (await reading).status_code == 201
