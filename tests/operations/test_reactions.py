"""Every event is written down once, and a journey stands where the referral service's events have led it."""

from __future__ import annotations

import random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from backbone.hearing import Hearer
from backbone.messages import Incoming
from operations.reactions import REACTIONS, on_anything
from operations.tables import HeardEvent, Journey
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import CATALOGUE, Event
from reliefpath.vocabulary import CourseKind, FacilityKind, Setting, facility_id
from tests.operations.conftest import Work
from tests.support.operations import NOON, booked, heard, incoming, proposed, requested, said


def listed(*capabilities: str) -> Event:
    return events.FacilityListed(
        facility=facility_id("CITY"), code="CITY", kind=FacilityKind.HOSPITAL, capabilities=capabilities
    )


def test_every_event_of_the_catalogue_is_heard() -> None:
    assert set(REACTIONS) == set(CATALOGUE.values())


async def test_an_event_is_written_down_with_its_place_and_without_its_data(work: Work) -> None:
    event, journey = requested(), uuid4()
    attributes = said(event, journey, 1)
    async with work() as uow:
        await on_anything(uow, heard(event, attributes, offset=42))
    async with work() as uow:
        row = (await uow.session.execute(select(HeardEvent))).scalar_one()
    assert row.model_dump() == {
        "id": attributes.id,
        "stream": journey,
        "speaker": "referral",
        "seq": 1,
        "type": "reliefpath.referral.ReferralRequested.v1",
        "time": NOON,
        "cause": "request:0192",
        "actor": "coordinator",
        "rules": ["some-rule@1"],
        "trace": attributes.trace,
        "recorded_at": NOON,
        "topic": "reliefpath.referral",
        "partition": 0,
        "offset": 42,
    }


async def test_a_journey_stands_where_the_referral_service_has_led_it(work: Work) -> None:
    journey = uuid4()
    path = [requested(Setting.HOSPITAL), proposed(), events.CareMoved(referral=uuid4(), setting=Setting.HOME)]
    for seq, event in enumerate(path, start=1):
        async with work() as uow:
            await on_anything(uow, heard(event, said(event, journey, seq, minute=seq)))
    async with work() as uow:
        row = await uow.session.get_one(Journey, journey)
    assert (row.stage, row.setting, row.exit) == ("decision", "home", None)
    assert (row.since - row.began_at).total_seconds() == 60


async def test_a_death_closes_the_journey_with_its_exit(work: Work) -> None:
    journey = uuid4()
    for seq, event in enumerate([requested(), events.PatientDied(referral=uuid4())], start=1):
        async with work() as uow:
            await on_anything(uow, heard(event, said(event, journey, seq)))
    async with work() as uow:
        row = await uow.session.get_one(Journey, journey)
    assert (row.stage, row.exit) == ("closed", "deceased")


async def test_an_event_heard_before_the_referral_is_written_down_and_moves_nothing(work: Work) -> None:
    event, journey = booked(), uuid4()
    async with work() as uow:
        await on_anything(uow, heard(event, said(event, journey, 1)))
    async with work() as uow:
        assert await uow.session.get(Journey, journey) is None
        assert (await uow.session.execute(select(col(HeardEvent.stream)))).scalar_one() == journey


async def test_an_event_that_no_log_recorded_is_refused(work: Work) -> None:
    event = requested()
    async with work() as uow:
        with pytest.raises(ValueError, match="no log"):
            await on_anything(uow, Heard(said(event, uuid4(), 1), event))


async def test_whatever_the_order_of_the_topics_and_however_often_it_is_sent_the_same_is_kept(work: Work) -> None:
    """Promise 7: heard again from the beginning, in another interleaving and with repeats, the tables are identical."""
    told = [topic for journey in (uuid4(), uuid4()) for topic in _told(journey)]
    kept = []
    for chance in (random.Random(1), random.Random(2)):
        async with work() as uow:
            for table in ("events", "journeys", "backbone.heard"):
                await uow.session.execute(text(f"DELETE FROM {table}"))
            outcomes = await Hearer("operations", REACTIONS, tries=1).hear(uow, _mixed(told, chance), carefully=False)
        assert (outcomes["effect"], outcomes["duplicate"]) == (10, 10)
        async with work() as uow:
            rows = (await uow.session.execute(select(HeardEvent).order_by(col(HeardEvent.id)))).scalars().all()
            stands = (await uow.session.execute(select(Journey).order_by(col(Journey.id)))).scalars().all()
            kept.append([row.model_dump() for row in [*rows, *stands]])
    assert len(kept[0]) == 12
    assert kept[0] == kept[1]


def _told(journey: UUID) -> list[list[Incoming]]:
    """What two speakers say of one journey, on a topic each."""
    by_topic = [[requested(), proposed(), proposed(CourseKind.TREATMENT)], [booked(), booked()]]
    return [
        [incoming(event, said(event, journey, seq, minute=seq), offset=seq) for seq, event in enumerate(topic, start=1)]
        for topic in by_topic
    ]


def _mixed(topics: list[list[Incoming]], chance: random.Random) -> list[Incoming]:
    """Every message twice in a row, each topic in its order, the topics mixed at random."""
    left = [[message for message in topic for _ in range(2)] for topic in topics]
    mixed = []
    while any(left):
        mixed.append(chance.choice([topic for topic in left if topic]).pop(0))
    return mixed
