"""What the database itself promises about follow-up."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from backbone.database import Database
from backbone.migrate import create_all, describe, difference
from tests.support.followup import HOME, Place


async def test_the_migrated_database_is_the_one_the_tables_declare(
    database: Callable[[str], str], empty_database: Callable[..., str]
) -> None:
    migrated, declared = Database(database("followup")), Database(empty_database("followup"))
    async with declared.engine.begin() as connection:
        await create_all(connection, "followup")
        wanted = await describe(connection)
    async with migrated.engine.connect() as connection:
        assert difference(await describe(connection), wanted) == []
    await migrated.close()
    await declared.close()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("UPDATE trials SET state = 'forgotten'", "ck_trials_state"),
        ("UPDATE trials SET ends_at = NULL", "ck_trials_ends"),
        ("UPDATE trials SET state = 'judged'", "ck_trials_judged"),
        ("UPDATE trials SET suggested = 'cured'", "ck_trials_suggested"),
        ("UPDATE check_ins SET state = 'completed'", "ck_check_ins_answered"),
        ("UPDATE check_ins SET average_pain = 11", "ck_check_ins_average_pain"),
        ("UPDATE check_ins SET due_at = now()", "ix_check_ins_course"),
        ("UPDATE observations SET performed_at = NULL", "ck_observations_performed"),
        ("UPDATE observations SET kind = 'guess'", "ck_observations_kind"),
    ],
)
async def test_what_cannot_be_cannot_be_written(place: Place, change: str, constraint: str) -> None:
    await place.performed()
    with pytest.raises(IntegrityError, match=constraint):
        await place.rows(change)


async def test_a_patient_has_one_open_handover_at_most(place: Place) -> None:
    story = await place.expected()
    await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": HOME})
    copy = """
        INSERT INTO handovers
            (id, version, created_at, updated_at, journey, state, referral, from_facility, to_facility, answer_by)
        SELECT :id, 1, created_at, updated_at, journey, 'accepted', referral, from_facility, to_facility, answer_by
        FROM handovers"""
    with pytest.raises(IntegrityError, match="ix_handovers_open"):
        await place.rows(copy, id=uuid4())
