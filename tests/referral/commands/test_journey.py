"""The read model of a journey is the fold of what was said, in the transaction in which it was said."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from referral.commands.journey import ITSELF, writing
from reliefpath import events
from reliefpath.journey import fold
from tests.support.referral import Place


async def shown(place: Place, journey: str) -> dict[str, Any]:
    return (await place.rows("SELECT stage, setting, exit FROM journeys WHERE id = :id", id=UUID(journey)))[0]


async def test_the_read_model_is_the_fold_of_everything_said(place: Place) -> None:
    active = await place.active()
    course = await place.performed(active["id"], "treatment", "VAUG")
    await place.review(course)
    await place.clinician.done(f"/courses/{course['id']}/judge", {"verdict": "responder"})
    await place.clinician.done(f"/courses/{course['id']}/continue")
    await place.clinician.done(f"/referrals/{active['id']}/complete", {"report": "Well."})
    folded = None
    rows = await place.rows("SELECT recorded_at FROM backbone.outbox ORDER BY id")
    for event, row in zip(await place.said(), rows, strict=True):
        folded = fold(folded, event, row["recorded_at"])
    assert folded is not None
    assert await shown(place, active["journey"]) == {
        "stage": folded.stage,
        "setting": folded.setting,
        "exit": folded.exit,
    }
    assert folded.stage == "closed"


async def test_a_stage_lasts_since_it_began_not_since_it_was_last_spoken_of(place: Place) -> None:
    sent = await place.requested()
    before = (await place.rows("SELECT since FROM journeys"))[0]["since"]
    await place.coordinator.done(f"/referrals/{sent['id']}/receive")
    assert (await place.rows("SELECT since FROM journeys"))[0]["since"] == before


async def test_what_is_said_in_a_block_that_fails_leaves_no_trace(place: Place) -> None:
    sent = await place.requested()
    before = await shown(place, sent["journey"])

    async def fail() -> None:
        async with place.work() as uow, writing(uow, UUID(sent["journey"])):
            uow.say(UUID(sent["journey"]), events.PatientDied(referral=UUID(sent["id"])))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await shown(place, sent["journey"]) == before


async def test_a_journey_is_not_there_before_something_was_requested(place: Place) -> None:
    journey = uuid4()
    async with place.work() as uow, writing(uow, journey):
        uow.say(journey, events.ReferralReceived(referral=uuid4()))
    assert await place.rows("SELECT 1 FROM journeys") == []


async def test_the_service_acts_on_its_own_account_only_inside_the_block(place: Place) -> None:
    async with place.work() as uow:
        before = uow.actor
        with uow.acting(ITSELF):
            assert uow.actor == ITSELF
        assert uow.actor == before
