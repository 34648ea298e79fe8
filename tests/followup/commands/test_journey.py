"""What follow-up knows of a journey, and who stands where towards it."""

from __future__ import annotations

from uuid import uuid4

from backbone.access import Principal, facilities_on
from followup.commands.journey import ITSELF, is_closed, note_closed, sides_of
from followup.tables import Journey
from reliefpath.vocabulary import Role, Side, facility_id
from tests.support.followup import RECEIVER, SENDER, STRANGER, Place, Story


def principal(*codes: str) -> Principal:
    return Principal("somebody", Role.CLINICIAN, frozenset(facility_id(code) for code in codes))


async def test_both_sides_of_a_referral_are_on_the_journey(place: Place) -> None:
    story = Story()
    await place.tell(story, story.sent())
    async with place.work() as uow:
        assert await facilities_on(uow, story.journey) == {facility_id(SENDER), facility_id(RECEIVER)}


async def test_a_redirected_journey_goes_on_with_the_other_receiver_and_the_first_still_sees_it(place: Place) -> None:
    story = Story()
    child = story.sent(STRANGER).model_copy(update={"referral": uuid4(), "parent": story.referral})
    await place.tell(story, story.sent(), child)
    async with place.work() as uow:
        row = await uow.session.get_one(Journey, story.journey)
        assert (row.referral, row.to_facility) == (child.referral, facility_id(STRANGER))
        assert facility_id(RECEIVER) in await facilities_on(uow, story.journey)
        assert await sides_of(uow, principal(RECEIVER), story.journey) == frozenset()


async def test_the_sides_are_those_of_the_referral_and_of_where_the_course_is_performed(place: Place) -> None:
    story = Story()
    await place.tell(story, story.sent())
    async with place.work() as uow:
        assert await sides_of(uow, principal(SENDER), story.journey) == {Side.SENDER}
        assert await sides_of(uow, principal(RECEIVER), story.journey) == {Side.RECEIVER}
        assert await sides_of(uow, principal(SENDER, RECEIVER), story.journey) == set(Side)
        assert await sides_of(uow, principal(STRANGER), story.journey) == frozenset()
        assert await sides_of(uow, principal(STRANGER), story.journey, facility_id(STRANGER)) == {Side.RECEIVER}
        assert await sides_of(uow, principal(STRANGER), uuid4()) == frozenset()


async def test_a_journey_is_closed_until_it_is_reopened(place: Place) -> None:
    story = Story()
    await place.tell(story, story.sent())
    async with place.work() as uow:
        assert not await is_closed(uow, story.journey)
        await note_closed(uow, story.journey, "referral-declined")
        assert await is_closed(uow, story.journey)
        await note_closed(uow, story.journey, None)
        assert not await is_closed(uow, story.journey)
        assert not await is_closed(uow, uuid4())


async def test_the_service_acts_itself_and_then_as_whoever_it_was(place: Place) -> None:
    async with place.work(Role.PATIENT) as uow:
        before = uow.actor
        with uow.acting(ITSELF):
            during = uow.actor
        assert (during.role, uow.actor) == (Role.SYSTEM, before)
