"""What lists are narrowed down to, and what they show."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from reliefpath.vocabulary import facility_id
from tests.support.scheduling import CENTRE, CLINIC, Place, accepted, course


async def test_a_list_is_narrowed_by_each_thing_asked_for(place: Place) -> None:
    journey, wanted = uuid4(), course()
    visit = await place.requested(journey)
    await place.hear(wanted, journey)
    other = await place.booked()
    whole = {one["id"]: one for one in (await place.scheduler.read("/appointments"))["items"]}
    (procedure,) = whole.keys() - {visit["id"], other["id"]}

    async def found(**query: object) -> set[str]:
        return {one["id"] for one in (await place.scheduler.read("/appointments", **query))["items"]}

    assert await found(journey=str(journey)) == {visit["id"], procedure}
    assert await found(purpose="procedure") == {procedure}
    assert await found(course=str(wanted.course)) == {procedure}
    assert await found(referral=visit["referral"]) == {visit["id"]}
    assert await found(state="booked") == {other["id"]}
    assert await found(state=["booked", "requested"]) == set(whole)
    assert await found(facility=str(facility_id(CENTRE))) == set(whole)
    assert await found(facility=str(facility_id(CLINIC))) == set()
    now = await place.now()
    assert await found(starts_from=now.isoformat(), starts_until=(now + timedelta(days=2)).isoformat()) == {other["id"]}
    assert await found(starts_from=(now + timedelta(days=2)).isoformat()) == set()


async def test_what_is_over_without_anybody_saying_how_is_shown_as_needing_that(place: Place) -> None:
    made, later = await place.booked(hours=1), await place.booked(hours=99)
    assert not made["needs_outcome"]
    await place.pass_time(timedelta(hours=3))
    listed = await place.scheduler.read("/appointments", needs_outcome=True)
    assert [(one["id"], one["needs_outcome"]) for one in listed["items"]] == [(made["id"], True)]
    rest = await place.scheduler.read("/appointments", needs_outcome=False)
    assert [one["id"] for one in rest["items"]] == [later["id"]]


async def test_that_somebody_looked_through_a_list_is_written_down_for_every_journey_in_it(place: Place) -> None:
    journeys = [uuid4() for _ in range(3)]
    for journey in journeys:
        await place.hear(accepted(), journey)
    await place.scheduler.read("/appointments", limit=2)
    (row,) = await place.rows("SELECT journeys FROM backbone.audit WHERE action = 'list' AND resource = 'appointment'")
    assert len(row["journeys"]) == 2
    assert set(row["journeys"]) < set(journeys)


async def test_resources_and_decisions_are_shown_of_one_appointment_and_not_in_lists(place: Place) -> None:
    made = await place.booked()
    assert not {"resources", "holds"} & set((await place.scheduler.read("/appointments"))["items"][0])
    shown = await place.scheduler.read(f"/appointments/{made['id']}")
    assert [one["kind"] for one in shown["resources"]] == ["clinician", "room"]
