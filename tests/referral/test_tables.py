"""The tables: what the database itself keeps anybody from writing, and that migrations make exactly them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backbone.database import Database
from backbone.migrate import create_all, describe, difference
from tests.support.referral import Place


async def test_migrations_make_exactly_the_tables_that_the_code_declares(
    database: Callable[[str], str], empty_database: Callable[[str], str]
) -> None:
    migrated, declared = Database(database("referral")), Database(empty_database("referral"))
    async with declared.engine.begin() as connection:
        await create_all(connection, "referral")
        wanted = await describe(connection)
    async with migrated.engine.connect() as connection:
        there = await describe(connection)
    await migrated.close()
    await declared.close()
    assert difference(there, wanted) == []


async def refused(place: Place, statement: str, **values: Any) -> str:
    """The constraint that a statement breaks."""
    async with place.database.engine.connect() as connection:
        with pytest.raises(IntegrityError) as broken:
            await connection.execute(text(statement), values)
    return str(broken.value)


async def test_a_state_nobody_knows_is_not_stored(place: Place) -> None:
    await place.requested()
    assert "ck_referrals_state" in await refused(place, "UPDATE referrals SET state = 'lost'")
    assert "ck_referrals_returns_to" in await refused(place, "UPDATE referrals SET returns_to = 'lost'")
    assert "ck_journeys_stage" in await refused(place, "UPDATE journeys SET stage = 'lost'")
    assert "ck_facts_kind" in await refused(place, "UPDATE facts SET kind = 'mood'")


async def test_a_score_lies_between_0_and_10(place: Place) -> None:
    await place.active()
    assert "ck_assessments_average_pain" in await refused(place, "UPDATE assessments SET average_pain = 11")


async def test_one_bundle_opens_one_referral_by_the_databases_own_word(place: Place) -> None:
    first, second = await place.requested(), await place.requested()
    mark = "UPDATE referrals SET fingerprint = 'same' WHERE id IN (:first, :second)"
    assert "ix_referrals_bundle" in await refused(place, mark, first=first["id"], second=second["id"])


async def test_a_thing_asks_for_a_hand_once_by_the_databases_own_word(place: Place) -> None:
    sent = await place.requested()
    twice = (
        "INSERT INTO attentions"
        " (id, version, created_at, updated_at, journey, state, referral, facility, kind, subject)"
        " SELECT gen_random_uuid(), 1, now(), now(), journey, 'open', id, to_facility, 'review_due', id"
        " FROM referrals, generate_series(1, 2) WHERE id = :id"
    )
    assert "ix_attentions_subject" in await refused(place, twice, id=sent["id"])
