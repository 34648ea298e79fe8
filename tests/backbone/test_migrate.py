"""Migrations make the tables that the code declares; what is missing is noticed before anything starts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from backbone.database import Database
from backbone.migrate import create_all, describe, difference, main, missing, upgrade
from backbone.service import SERVICES
from tests.support.servers import finish
from tests.support.visiting.world import VISITING, rows, unit


def migrate(service: str, address: str, revision: str = "heads") -> None:
    with ThreadPoolExecutor(1) as thread:  # the migrations run an event loop of their own
        thread.submit(upgrade, service, address, revision).result()


async def described(address: str) -> dict[str, dict[str, str]]:
    database = Database(address)
    async with database.engine.begin() as connection:
        found = await describe(connection)
    await database.close()
    return found


async def declared(service: str, address: str) -> dict[str, dict[str, str]]:
    database = Database(address)
    async with database.engine.begin() as connection:
        await create_all(connection, service)
        found = await describe(connection)
    await database.close()
    return found


@pytest.mark.parametrize("service", [*SERVICES, VISITING])
async def test_the_migrations_make_what_the_code_declares(empty_database: Callable[..., str], service: str) -> None:
    owner = service if service in SERVICES else "referral"
    migrated, wanted = empty_database(owner), empty_database(owner)
    await asyncio.to_thread(migrate, service, migrated)
    assert difference(await described(migrated), await declared(service, wanted)) == []


PLANTED: dict[str, tuple[str, str]] = {
    "a column less": ("ALTER TABLE visits DROP COLUMN place", "public.visits.place"),
    "a column more": ("ALTER TABLE visits ADD COLUMN colour text", "public.visits.colour"),
    "another type": ("ALTER TABLE visits ALTER COLUMN chairs TYPE bigint", "public.visits.chairs"),
    "an empty value allowed": ("ALTER TABLE visits ALTER COLUMN state DROP NOT NULL", "public.visits.state"),
    "another default": ("ALTER TABLE backbone.held ALTER COLUMN attempts SET DEFAULT 1", "backbone.held.attempts"),
    "a check less": ("ALTER TABLE visits DROP CONSTRAINT ck_visits_state", "ck_visits_state"),
    "a check that allows more": (
        "ALTER TABLE visits DROP CONSTRAINT ck_visits_chairs, ADD CONSTRAINT ck_visits_chairs CHECK (chairs >= 0)",
        "ck_visits_chairs",
    ),
    "an exclusion less": ("ALTER TABLE seats DROP CONSTRAINT ex_seats_chair", "ex_seats_chair"),
    "an exclusion under another condition": (
        """ALTER TABLE seats DROP CONSTRAINT ex_seats_chair;
        ALTER TABLE seats ADD CONSTRAINT ex_seats_chair EXCLUDE USING gist (chair WITH =, during WITH &&)""",
        "ex_seats_chair",
    ),
    "an index less": ("DROP INDEX ix_marks_journey", "ix_marks_journey"),
    "an index that is not unique": (
        "DROP INDEX backbone.ix_held_place; CREATE INDEX ix_held_place ON backbone.held (speaker, stream, seq)",
        "ix_held_place",
    ),
    "a table more": ("CREATE TABLE strays (id int)", "public.strays.id"),
}


@pytest.mark.parametrize("planted", PLANTED)
async def test_any_difference_between_them_is_seen_and_named(
    db: Database, address: str, empty_database: Callable[..., str], planted: str
) -> None:
    statements, named = PLANTED[planted]
    async with unit(db) as uow:
        for statement in statements.split(";"):
            await uow.session.execute(text(statement))
    lines = difference(await described(address), await declared(VISITING, empty_database("referral")))
    assert lines
    assert all(named in line for line in lines if "visits_pkey" not in line), lines


async def test_a_database_without_migrations_lacks_them_all_and_a_migrated_one_none(
    db: Database, empty_database: Callable[..., str]
) -> None:
    empty = Database(empty_database("referral"))
    assert await missing(VISITING, empty) == {"backbone_0004", "visiting_0001"}
    await empty.close()
    assert await missing(VISITING, db) == set()


async def test_a_database_that_is_ahead_of_the_program_is_noticed_too(db: Database) -> None:
    async with unit(db) as uow:
        await uow.session.execute(
            text("UPDATE alembic_version SET version_num = 'visiting_0002' WHERE version_num LIKE 'v%'")
        )
    assert await missing(VISITING, db) == {"visiting_0001", "visiting_0002"}


async def test_migrating_again_changes_nothing(db: Database, address: str) -> None:
    before = await described(address)
    await asyncio.to_thread(migrate, VISITING, address)
    assert await described(address) == before


def test_several_processes_that_migrate_at_once_do_it_once(empty_database: Callable[..., str]) -> None:
    address = empty_database("referral")
    command = [sys.executable, "-c", f"from backbone.migrate import upgrade; upgrade({VISITING!r}, {address!r})"]
    running = [
        subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) for _ in range(2)
    ]
    told = [one.communicate(timeout=90)[1].decode() for one in running]
    assert [one.returncode for one in running] == [0, 0], told
    assert finish(_missing(address)) == set()


async def _missing(address: str) -> set[str]:
    database = Database(address)
    try:
        return await missing(VISITING, database)
    finally:
        await database.close()


def test_without_an_address_it_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RELIEFPATH_DATABASE_REFERRAL", raising=False)
    assert main(["referral"]) == 2
    assert capsys.readouterr().err == "RELIEFPATH_DATABASE_REFERRAL is not set\n"


def test_a_service_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["billing"])
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["a database", "postgresql://127.0.0.1:1/none"])
def test_an_address_that_leads_nowhere_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    monkeypatch.setenv("RELIEFPATH_DATABASE_REFERRAL", wrong)
    assert main(["referral"]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "RELIEFPATH_DATABASE_REFERRAL" in told
    assert wrong not in told


async def test_what_was_said_before_the_outbox_had_partitions_is_kept_and_goes_on(
    empty_database: Callable[..., str],
) -> None:
    address = empty_database("referral")
    await asyncio.to_thread(migrate, VISITING, address, "backbone_0001")
    old = Database(address)
    said = (
        "INSERT INTO backbone.outbox (bucket, event, topic, stream, seq, headers, data)"
        " SELECT 1, gen_random_uuid(), 't', gen_random_uuid(), 1, '', '' FROM generate_series(1, 3)"
    )
    async with unit(old) as uow:
        await uow.session.execute(text(said))
        await uow.session.execute(
            text("INSERT INTO backbone.streams (stream, seq) SELECT stream, seq FROM backbone.outbox")
        )
    before = await rows(old, "SELECT id, xid::text, stream, seq FROM backbone.outbox ORDER BY id")
    await old.close()
    await asyncio.to_thread(migrate, VISITING, address)
    new = Database(address)
    assert await rows(new, "SELECT id, xid::text, stream, seq FROM backbone.outbox ORDER BY id") == before
    assert await rows(new, "SELECT DISTINCT topic FROM backbone.streams") == [("t",)]
    async with unit(new) as uow:
        await uow.session.execute(text(said))
    assert [one for (one,) in await rows(new, "SELECT id FROM backbone.outbox ORDER BY id")] == [1, 2, 3, 4, 5, 6]
    await new.close()
