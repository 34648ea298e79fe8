"""The check-ins of a course as a series."""

from __future__ import annotations

from datetime import timedelta

from followup.commands.series import check_ins_of, drop, readings_of, schedule, unsettled
from followup.rules.contacts import Planned
from followup.tables import Observation
from tests.support.followup import Place

DAY = timedelta(days=1)


async def test_each_contact_becomes_a_check_in_with_a_deadline_and_the_record_it_rests_on(place: Place) -> None:
    story = await place.performed(modality="MAGIC")
    async with place.work() as uow:
        await uow.lock(story.journey)
        observation = await uow.session.get_one(Observation, story.course)
        contacts = [Planned(2 * DAY, 3 * DAY, "phone", "effect"), Planned(DAY, DAY, "visit", "wound")]
        await schedule(uow, observation, uow.now, contacts, ["CONTACTS-TEST@1"])
        rows = await check_ins_of(uow, [story.course])
        assert [(row.due_at - uow.now, row.latest_at - uow.now) for row in rows] == [(DAY, DAY), (2 * DAY, 3 * DAY)]
        assert [(row.channel, row.purpose) for row in rows] == [("visit", "wound"), ("phone", "effect")]
        assert observation.planned == 2
    assert await place.open_deadlines(story) == 2
    audited = await place.rows("SELECT rules FROM backbone.audit WHERE action = 'schedule'")
    assert [row["rules"] for row in audited] == [["CONTACTS-TEST@1"]] * 2


async def test_only_what_is_open_is_dropped_and_it_is_said_why(place: Place) -> None:
    story = await place.performed(modality="VAUG", kind="treatment")
    await place.answer(story, 4)
    async with place.work() as uow:
        await uow.lock(story.journey)
        rows = await check_ins_of(uow, [story.course])
        assert len(unsettled(rows)) == 2
        await drop(uow, rows, "moved-away")
        await drop(uow, rows, "again")
        assert unsettled(rows) == []
        [reading] = readings_of(rows)
        assert (reading.pain, reading.at) == (4, rows[0].due_at)
    assert [one["reason_code"] for one in await place.check_ins(story)] == [None, "moved-away", "moved-away"]
    assert await place.open_deadlines(story) == 0
