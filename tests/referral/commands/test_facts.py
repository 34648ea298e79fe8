"""What guards are given to look at."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from backbone.access import Principal
from referral.commands.facts import baseline, known_of, open_referral, sides_of
from referral.lifecycle import ReferralState
from referral.tables import Referral
from reliefpath.vocabulary import Role, Setting, Side
from tests.support.referral import LARGER, Place

HERE, THERE = uuid4(), uuid4()


@pytest.mark.parametrize(
    ("facilities", "expected"),
    [
        ({HERE}, {Side.SENDER}),
        ({THERE}, {Side.RECEIVER}),
        ({HERE, THERE}, {Side.SENDER, Side.RECEIVER}),
        ({uuid4()}, set()),
        (set(), set()),
    ],
)
def test_sides_follow_from_the_callers_facilities(facilities: set[UUID], expected: set[Side]) -> None:
    referral = Referral(
        journey=uuid4(),
        state=ReferralState.REQUESTED,
        patient=uuid4(),
        from_facility=HERE,
        to_facility=THERE,
        setting=Setting.HOME,
        reason_code="pain",
    )
    assert sides_of(referral, Principal("x", Role.COORDINATOR, frozenset(facilities))) == expected


async def test_the_baseline_is_the_newest_score_that_was_given_and_zero_is_one(place: Place) -> None:
    active = await place.active()
    url = f"/referrals/{active['id']}/assess"
    await place.clinician.done(url, {"average_pain": 0, "setting": "outpatient"})
    await place.clinician.done(url, {"personal_pain_goal": 2, "setting": "outpatient"})
    async with place.work() as uow:
        assert await baseline(uow, UUID(active["journey"])) == (0, 2)
        assert await baseline(uow, uuid4()) == (None, None)


async def test_facts_come_back_as_they_were_kept_in_their_order(place: Place) -> None:
    facts = [
        {"kind": "ecog", "value": 2, "on": "2026-11-01"},
        {"kind": "stage", "value": "IV", "on": "2026-10-01"},
        {"kind": "opioid", "drug": "morphine", "value": 60, "unit": "mg/d", "current": True},
    ]
    sent = await place.requested(facts=facts)
    async with place.work() as uow:
        known = await known_of(uow, UUID(sent["journey"]))
    assert [(one.kind, one.value) for one in known] == [("ecog", 2), ("stage", "IV"), ("opioid", 60)]
    assert known[2].extra == {"drug": "morphine", "drug_class": "opioid"}


async def test_a_journey_goes_on_in_its_newest_open_referral(place: Place) -> None:
    sent = await place.requested()
    await place.coordinator.done(f"/referrals/{sent['id']}/receive")
    await place.coordinator.done(f"/referrals/{sent['id']}/redirect", {"to": LARGER, "reason_code": "implants"})
    async with place.work() as uow:
        child = await open_referral(uow, UUID(sent["journey"]))
    assert child is not None
    assert child.parent == UUID(sent["id"])
