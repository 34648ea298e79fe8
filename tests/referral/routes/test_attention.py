"""Attentions over HTTP."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from reliefpath.vocabulary import Role
from tests.support.referral import STRANGER, Place


async def test_an_attention_is_read_and_cleared_by_those_it_asks(place: Place) -> None:
    sent = await place.requested()
    await place.pass_time(timedelta(hours=5))
    [attention] = (await place.coordinator.get(f"/referrals/{sent['id']}")).json()["attentions"]
    url = f"/attentions/{attention['id']}"
    read = await place.coordinator.get(url)
    assert read.headers["etag"] == '"1"'
    assert [one["action"] for one in read.json()["allowed_actions"]] == ["clear"]
    assert (await place.coordinator.post(f"{url}/clear", {"outcome_code": "phoned"}, version=7)).status_code == 412
    cleared = await place.coordinator.post(f"{url}/clear", {"outcome_code": "phoned"}, version=1)
    assert cleared.headers["etag"] == '"2"'
    assert cleared.json()["allowed_actions"] == []


async def test_anothers_attention_cannot_be_told_from_one_that_does_not_exist(place: Place) -> None:
    sent = await place.requested()
    await place.pass_time(timedelta(hours=5))
    [attention] = (await place.coordinator.get(f"/referrals/{sent['id']}")).json()["attentions"]
    for person in (place.person(Role.COORDINATOR, STRANGER), place.referrer):
        for one in (attention["id"], uuid4()):
            assert (await person.get(f"/attentions/{one}")).status_code == 404


async def test_an_attention_is_raised_by_the_service_alone(place: Place) -> None:
    assert (await place.coordinator.post(f"/attentions/{uuid4()}/raise")).status_code == 404
    assert (await place.coordinator.post(f"/attentions/{uuid4()}/lapse")).status_code == 404
