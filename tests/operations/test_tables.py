"""The database itself refuses what is no event and no standing, and is what the migrations make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from backbone.database import Database
from backbone.migrate import create_all, describe, difference
from operations.tables import HeardEvent, Journey
from tests.operations.conftest import Work
from tests.support.operations import NOON


def event(**more: Any) -> HeardEvent:
    given = {
        "id": uuid4(),
        "stream": uuid4(),
        "speaker": "referral",
        "seq": 1,
        "type": "reliefpath.referral.ReferralRequested.v1",
        "time": NOON,
        "cause": "request:0192",
        "actor": "referrer",
        "rules": [],
        "recorded_at": NOON,
        "topic": "reliefpath.referral",
        "partition": 0,
        "offset": 0,
    }
    return HeardEvent(**{**given, **more})


def journey(**more: Any) -> Journey:
    given = {"id": uuid4(), "stage": "trial", "setting": "home", "since": NOON, "began_at": NOON - timedelta(days=3)}
    return Journey(**{**given, **more})


async def test_migrations_and_tables_are_equal(
    database: Callable[[str], str], empty_database: Callable[..., str]
) -> None:
    described = []
    for address, declared in ((database("operations"), False), (empty_database("operations"), True)):
        opened = Database(address)
        async with opened.engine.begin() as connection:
            if declared:
                await create_all(connection, "operations")
            described.append(await describe(connection))
        await opened.close()
    assert difference(*described) == []


@pytest.mark.parametrize(
    "row",
    [
        lambda: event(speaker="console"),
        lambda: event(actor="robot"),
        lambda: journey(stage="lost"),
        lambda: journey(setting="street"),
        lambda: journey(exit="vanished"),
    ],
)
async def test_a_value_outside_its_vocabulary_is_refused(work: Work, row: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError):
        async with work() as uow:
            uow.session.add(row())


async def test_a_place_in_a_stream_is_taken_once(work: Work) -> None:
    stream = uuid4()
    with pytest.raises(IntegrityError):
        async with work() as uow:
            uow.session.add_all([event(stream=stream), event(stream=stream)])


async def test_speakers_count_each_for_themselves(work: Work) -> None:
    stream = uuid4()
    async with work() as uow:
        uow.session.add_all([event(stream=stream), event(stream=stream, speaker="followup"), journey(exit="deceased")])
