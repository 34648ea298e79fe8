"""How far behind it is: by the end of each partition, and by when the oldest unheard message was recorded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.database import Database
from backbone.lag import Lag
from backbone.messages import Incoming, Place
from backbone.telemetry import REGISTRY
from tests.support.visiting.world import rows, unit

HERE, THERE, ELSEWHERE = Place("here", 0), Place("here", 1), Place("elsewhere", 0)
FOLLOWING = {HERE: 3, THERE: 7, ELSEWHERE: 1}


def message(offset: int, minute: int) -> Incoming:
    at = int(datetime(2026, 11, 27, 9, minute, tzinfo=UTC).timestamp() * 1000)
    return Incoming(HERE.topic, HERE.partition, offset, b"key", b"{}", (), at)


@pytest.fixture
def lag() -> Lag:
    made = Lag()
    made.note_ends({HERE: 5, THERE: 7, ELSEWHERE: 4, Place("not ours", 0): 9}, FOLLOWING)
    return made


async def told(db: Database, lag: Lag, begins: dict[Place, int]) -> dict[tuple[str, int], tuple[object, ...]]:
    async with unit(db) as uow:
        await lag.write(uow, FOLLOWING, begins)
    found = await rows(db, 'SELECT topic, partition, next, "end", oldest_at, begins FROM backbone.lags')
    return {(row.topic, row.partition): tuple(row)[2:] for row in found}


def test_behind_is_what_has_an_end_beyond_where_it_goes_on(lag: Lag) -> None:
    assert lag.behind(FOLLOWING) == {HERE, ELSEWHERE}
    assert lag.places == {HERE, THERE, ELSEWHERE}


def test_what_was_read_is_dated_by_the_first_message_that_was_not_heard(lag: Lag) -> None:
    lag.note_read({HERE: [message(2, 10), message(3, 11), message(8, 12)]}, FOLLOWING)
    assert lag.undated({HERE, ELSEWHERE}) == {ELSEWHERE}
    assert lag.behind({**FOLLOWING, HERE: 8}) == {HERE, ELSEWHERE}, "the end moves with what was read"
    lag.note_heard(HERE)
    assert lag.undated({HERE}) == {HERE}


def test_what_was_heard_before_dates_nothing(lag: Lag) -> None:
    lag.note_read({HERE: [message(1, 10), message(2, 11)]}, FOLLOWING)
    assert lag.undated({HERE}) == {HERE}


async def test_it_is_told_in_the_database_and_told_anew(lag: Lag, db: Database) -> None:
    since = message(3, 11).recorded_at
    lag.note_recorded({HERE: since})
    assert await told(db, lag, {ELSEWHERE: 2}) == {
        ("here", 0): (3, 5, since, None),
        ("here", 1): (7, 7, None, None),
        ("elsewhere", 0): (1, 4, None, 2),
    }
    lag.note_heard(HERE)
    lag.note_waiting(ELSEWHERE)
    now = await told(db, lag, {})
    assert now["here", 0] == (3, 5, None, None)
    waiting_since, begins = now["elsewhere", 0][2:]
    assert waiting_since is not None
    assert begins is None


async def test_where_nothing_is_known_nothing_is_told(db: Database) -> None:
    assert await told(db, Lag(), {}) == {}


def test_the_metrics_show_what_is_ours_and_forget_what_is_not(lag: Lag) -> None:
    lag.note_recorded({HERE: message(3, 11).recorded_at})
    lag.show(FOLLOWING)
    assert REGISTRY.get_sample_value("reliefpath_lag_records", {"topic": "here"}) == 2
    assert REGISTRY.get_sample_value("reliefpath_lag_records", {"topic": "elsewhere"}) == 3
    assert (REGISTRY.get_sample_value("reliefpath_lag_seconds", {"topic": "here"}) or 0) > 0
    lag.forget({ELSEWHERE})
    lag.show(FOLLOWING)
    assert REGISTRY.get_sample_value("reliefpath_lag_records", {"topic": "elsewhere"}) is None
    Lag().show(FOLLOWING)
    assert REGISTRY.get_sample_value("reliefpath_lag_records", {"topic": "here"}) is None
