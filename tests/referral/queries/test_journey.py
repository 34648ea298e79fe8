"""A journey as it is shown to people who need not know whose it is."""

from __future__ import annotations

from uuid import UUID

import pytest

from backbone.problems import NotFound
from referral.queries.journey import show_journey
from tests.support.referral import LARGER, Place, draft


async def test_a_journey_shows_its_referrals_and_courses_and_nothing_of_the_person(place: Place) -> None:
    active = await place.active()
    await place.proposed(active["id"])
    async with place.work() as uow:
        shown = await show_journey(uow, UUID(active["journey"]))
    assert (shown.stage, shown.setting, shown.exit) == ("decision", "outpatient", None)
    assert [one.state for one in shown.referrals] == ["active"]
    assert [one.modality for one in shown.courses] == ["PNB"]
    assert "Doe" not in shown.model_dump_json()


async def test_a_redirected_journey_is_one_journey_with_two_referrals(place: Place) -> None:
    sent = await place.requested()
    await place.coordinator.done(f"/referrals/{sent['id']}/receive")
    await place.coordinator.done(f"/referrals/{sent['id']}/redirect", {"to": LARGER, "reason_code": "implants"})
    async with place.work() as uow:
        shown = await show_journey(uow, UUID(sent["journey"]))
    assert [(one.state, one.parent) for one in shown.referrals] == [
        ("redirected", None),
        ("requested", UUID(sent["id"])),
    ]
    assert (shown.stage, shown.exit) == ("referred", None)


async def test_a_draft_is_no_journey_yet(place: Place) -> None:
    made = await place.referrer.done("/referrals", draft(), version=None)
    async with place.work() as uow:
        with pytest.raises(NotFound):
            await show_journey(uow, UUID(made["journey"]))
