"""What rows have in common: ids that sort by age, states that the database knows, names that stay the same."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import pytest
from sqlalchemy import MetaData, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from backbone.carriage import CARRIAGE
from backbone.database import Database
from backbone.rows import NAMING, new_id, state_checks
from tests.support.visiting.lifecycle import VisitState
from tests.support.visiting.tables import Seat, Visit
from tests.support.visiting.world import unit, value


def test_a_later_id_is_greater_also_within_one_millisecond() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5000
    assert {one.version for one in ids} == {7}
    assert all(type(one) is UUID for one in ids)


def test_the_database_knows_every_state_and_no_other() -> None:
    class Light(StrEnum):
        RED = "red"
        GREEN = "green"

    checks = {str(check.name): str(check.sqltext) for check in state_checks(Light)}
    assert checks == {"state": "state IN ('red', 'green')", "returns_to": "returns_to IN ('red', 'green')"}


async def _write(db: Database, **changed: object) -> None:
    async with unit(db) as uow:
        uow.session.add(Visit(**{"journey": new_id(), "state": VisitState.PLANNED, **changed}))  # type: ignore[arg-type]


@pytest.mark.parametrize("state", VisitState)
async def test_every_state_of_the_lifecycle_can_be_kept(db: Database, state: VisitState) -> None:
    await _write(db, state=state, returns_to=state)
    assert await value(db, "SELECT state FROM visits") == state


@pytest.mark.parametrize("wrong", [{"state": "lost"}, {"returns_to": "lost"}, {"chairs": 0}])
async def test_what_no_lifecycle_knows_cannot_be_kept_not_even_by_mistake(
    db: Database, wrong: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError):
        await _write(db, **wrong)


async def test_a_time_without_its_offset_is_not_taken_for_another(db: Database) -> None:
    async with unit(db) as uow:
        now = uow.now
    assert isinstance(now, datetime)
    assert now.utcoffset() is not None
    assert await value(db, "SHOW timezone") == "UTC"


async def test_a_chair_is_never_taken_twice_at_once(db: Database) -> None:
    async def take(begin: str, end: str) -> None:
        start, stop = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        async with unit(db) as uow:
            uow.session.add(Seat(chair=1, during=Seat.between(start, stop)))

    await take("2026-11-23T09:00+00:00", "2026-11-23T10:00+00:00")
    await take("2026-11-23T10:00+00:00", "2026-11-23T11:00+00:00")
    with pytest.raises(IntegrityError):
        await take("2026-11-23T09:59+00:00", "2026-11-23T10:01+00:00")


def test_every_constraint_of_the_carriage_has_a_name_of_its_own() -> None:
    for table in CARRIAGE.tables.values():
        for constraint in table.constraints:
            assert constraint.name, (table.name, constraint)
    assert "CONSTRAINT pk_outbox PRIMARY KEY" in str(CreateTable(CARRIAGE.tables["backbone.outbox"]))


def test_names_follow_from_tables_and_columns() -> None:
    assert MetaData(naming_convention=NAMING).naming_convention["pk"] == "pk_%(table_name)s"


async def test_the_database_says_the_same_names(db: Database) -> None:
    async with db.engine.connect() as connection:
        found = await connection.execute(text("SELECT conname FROM pg_constraint WHERE conrelid = 'visits'::regclass"))
        names = {name for (name,) in found if not name.endswith("_not_null")}
    assert names == {"pk_visits", "ck_visits_state", "ck_visits_returns_to", "ck_visits_chairs"}
