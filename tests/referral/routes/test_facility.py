"""The directory over HTTP."""

from __future__ import annotations

from tests.support.referral import CLOSED, FACILITIES, Place


async def test_whoever_has_a_token_sees_where_to_refer(place: Place) -> None:
    shown = (await place.referrer.get("/facilities")).json()
    assert [one["code"] for one in shown] == sorted(FACILITIES)
    assert [one["code"] for one in shown if not one["accepting"]] == [CLOSED]


async def test_without_a_token_nothing_is_shown(place: Place) -> None:
    assert (await place.client.get("/facilities")).status_code == 401
