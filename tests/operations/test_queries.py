"""What is read of the tables: pages that skip nothing, events in causal order, counts that add up."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from backbone.paging import encode_cursor
from operations import queries
from operations.reactions import on_anything
from operations.tables import Journey
from operations.traces import CauseKind
from reliefpath.events import Event
from reliefpath.vocabulary import Setting, Stage
from tests.operations.conftest import Work
from tests.support.operations import NOON, booked, heard, proposed, requested, said


async def hear(
    work: Work, journey: UUID, event: Event, seq: int, *, minute: float = 0, cause: str = "request:r"
) -> UUID:
    attributes = said(event, journey, seq, minute=minute, cause=cause)
    async with work() as uow:
        await on_anything(uow, heard(event, attributes))
    return attributes.id


async def test_journeys_come_by_how_long_they_have_stood_and_no_page_skips_or_repeats_one(work: Work) -> None:
    ids = [uuid4() for _ in range(5)]
    for minute, journey in enumerate(ids):
        await hear(work, journey, requested(), 1, minute=minute % 2)
    expected = sorted(ids, key=lambda one: (ids.index(one) % 2, one))
    seen: list[UUID] = []
    cursor = None
    async with work() as uow:
        while True:
            page = await queries.journeys(uow, stage=None, setting=None, cursor=cursor, limit=2)
            seen += [one.journey for one in page[:2]]
            if len(page) <= 2:
                break
            cursor = encode_cursor([page[1].since, page[1].journey])
    assert seen == expected


async def test_journeys_are_found_by_stage_and_setting_with_the_last_that_was_heard(work: Work) -> None:
    home, clinic = uuid4(), uuid4()
    await hear(work, home, requested(Setting.HOME), 1)
    await hear(work, clinic, requested(), 1)
    await hear(work, clinic, proposed(), 2, minute=5)
    await hear(work, clinic, booked(), 1, minute=9)
    async with work() as uow:
        [one] = await queries.journeys(uow, stage=[Stage.DECISION], setting=None, cursor=None, limit=9)
        [other] = await queries.journeys(uow, stage=None, setting=[Setting.HOME], cursor=None, limit=9)
        now = uow.now
    assert (one.journey, one.last_event, one.last_at) == (
        clinic,
        "reliefpath.scheduling.AppointmentBooked.v1",
        NOON + timedelta(minutes=9),
    )
    assert one.seconds_in_stage == (now - NOON - timedelta(minutes=5)).total_seconds()
    assert other.journey == home


async def test_a_journey_is_shown_in_causal_order_though_the_effect_was_heard_first(work: Work) -> None:
    journey, first = uuid4(), uuid4()
    await hear(work, journey, booked(), 1, minute=-30, cause=f"event:{first}")
    event = requested()
    async with work() as uow:
        await on_anything(uow, heard(event, said(event, journey, 1, id=first)))
    async with work() as uow:
        shown = await queries.journey(uow, journey)
    assert shown is not None
    cause, effect = shown.events
    assert (cause.id, cause.cause.kind, cause.cause.id) == (first, CauseKind.REQUEST, "0192")
    assert effect.cause.model_dump() == {
        "kind": CauseKind.EVENT,
        "id": str(first),
        "position": 1,
        "type": "reliefpath.referral.ReferralRequested.v1",
        "seconds_before": -1800.0,
    }
    assert (effect.depth, effect.trace_id) == (1, "0af7651916cd43dd8448eb211c80319c")
    assert (shown.stage, shown.setting, shown.missing) == (Stage.REFERRED, Setting.OUTPATIENT, [])


async def test_a_place_that_was_never_heard_is_named_and_a_journey_never_heard_of_is_none(work: Work) -> None:
    journey = uuid4()
    await hear(work, journey, booked(), 2)
    async with work() as uow:
        shown = await queries.journey(uow, journey)
        assert await queries.journey(uow, uuid4()) is None
    assert shown is not None
    assert shown.stage is None
    assert [(gap.speaker, gap.seq) for gap in shown.missing] == [("scheduling", 1)]


async def test_counts_are_per_stage_and_setting_and_closed_ones_say_how_they_ended(work: Work) -> None:
    stands = [
        ("trial", "home", None),
        ("trial", "home", None),
        ("trial", "hospital", None),
        ("closed", "home", "deceased"),
    ]
    async with work() as uow:
        for stage, setting, ended in stands:
            uow.session.add(Journey(id=uuid4(), stage=stage, setting=setting, exit=ended, since=NOON, began_at=NOON))
    async with work() as uow:
        found = await queries.counts(uow)
    assert [(one.stage, one.setting, one.exit, one.journeys) for one in found.counts] == [
        ("trial", "hospital", None, 1),
        ("trial", "home", None, 2),
        ("closed", "home", "deceased", 1),
    ]
    assert (found.journeys, found.open) == (4, 3)
