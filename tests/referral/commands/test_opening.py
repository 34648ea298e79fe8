"""Opening a referral: one person, one open referral at one place, whoever asks and however fast."""

from __future__ import annotations

import asyncio

import pytest

from backbone.access import Principal
from backbone.problems import Invalid
from referral.commands.opening import order_of, sender_of
from referral.lifecycle.given import Asked
from reliefpath.vocabulary import Role, Setting, facility_id
from tests.support.referral import HOME, RECEIVER, SENDER, STRANGER, Place, draft


def principal(*codes: str) -> Principal:
    return Principal("somebody", Role.REFERRER, frozenset(facility_id(code) for code in codes))


async def test_whoever_acts_for_one_facility_sends_for_it(place: Place) -> None:
    async with place.work() as uow:
        assert await sender_of(uow, principal(SENDER), None) == facility_id(SENDER)
        assert await sender_of(uow, principal(SENDER, HOME), HOME) == facility_id(HOME)


@pytest.mark.parametrize("code", [None, RECEIVER, "nowhere"])
async def test_nobody_sends_for_a_facility_that_is_not_theirs_or_not_named(place: Place, code: str | None) -> None:
    async with place.work() as uow:
        with pytest.raises(Invalid) as refused:
            await sender_of(uow, principal(SENDER, HOME), code)
    assert [one.pointer for one in refused.value.reasons] == ["/sender"]


async def test_an_order_is_refused_with_every_reason(place: Place) -> None:
    asked = Asked(to="nowhere", setting=Setting.HOME, reason_code="pain", signs=("red_flag", "moody"))
    async with place.work() as uow:
        with pytest.raises(Invalid) as refused:
            await order_of(uow, principal(), asked)
    assert [one.pointer for one in refused.value.reasons] == ["/to", "/sender", "/signs/1"]


async def test_one_person_referred_twice_at_once_has_one_open_referral(place: Place) -> None:
    body = draft()
    answers = await asyncio.gather(*(place.referrer.post("/referrals", body, version=None) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert (await place.count())["referrals"] == 1


async def test_anothers_draft_is_nobodys_duplicate(place: Place) -> None:
    body = draft()
    stranger = place.person(Role.REFERRER, STRANGER)
    theirs = await stranger.done("/referrals", body, version=None)
    ours = await place.referrer.done("/referrals", body, version=None)
    assert ours["id"] != theirs["id"]
    assert await place.rows("SELECT 1 FROM attentions") == []


async def test_a_number_of_another_system_is_another_person(place: Place) -> None:
    body, other = draft(), draft()
    other["patient"]["identifiers"] = [{"system": "urn:other", "value": body["patient"]["identifiers"][0]["value"]}]
    await place.referrer.done("/referrals", body, version=None)
    assert (await place.referrer.post("/referrals", other, version=None)).status_code == 201


async def test_who_the_patient_is_stands_in_two_tables_and_nowhere_else(place: Place) -> None:
    body = draft(note="She fears needles.")
    await place.referrer.done("/referrals", body, version=None)
    number = body["patient"]["identifiers"][0]["value"]
    tables = (await place.count()).keys() - {"patients", "patient_identifiers", "backbone.idempotency"}
    for table in tables:
        rows = str(await place.rows(f"SELECT * FROM {table}"))
        assert "Doe" not in rows
        assert number not in rows
        assert "needles" not in rows or table == "notes"
