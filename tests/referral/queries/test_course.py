"""Courses with the decision and the authorisation that are theirs, and no other's."""

from __future__ import annotations

from uuid import UUID

from referral.queries.course import courses_of
from tests.support.referral import AGREED, Place


async def test_each_course_shows_its_own_decision_and_authorisation(place: Place) -> None:
    active = await place.active()
    first, second = await place.proposed(active["id"]), await place.proposed(active["id"], modality="CPB")
    await place.clinician.done(f"/courses/{second['id']}/agree", AGREED)
    await place.coordinator.done(f"/courses/{second['id']}/submit-authorisation", {"payer": "fund"})
    async with place.work() as uow:
        shown = await courses_of(uow, UUID(active["journey"]))
    assert [one.id for one in shown] == [UUID(first["id"]), UUID(second["id"])]
    assert (shown[0].decision, shown[0].authorisation) == (None, None)
    assert shown[1].decision is not None
    assert shown[1].authorisation is not None
    assert (shown[1].authorisation.outcome, shown[1].authorisation.payer) == ("pending", "fund")


async def test_a_journey_without_courses_shows_none(place: Place) -> None:
    sent = await place.requested()
    async with place.work() as uow:
        assert await courses_of(uow, UUID(sent["journey"])) == []
