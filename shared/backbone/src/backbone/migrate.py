"""Migrations: backbone's own tables and the service's, two branches in one database.

python -m backbone.migrate referral    bring the referral service's database up to date
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backbone.carriage import CARRIAGE
from backbone.database import Database, is_transient
from backbone.service import SERVICES
from backbone.settings import read_settings

_CATALOGUE: Final = {  # partitions come and go: they are not what is compared
    "columns": """
        SELECT c.table_schema || '.' || c.table_name || '.' || c.column_name,
        concat_ws(' ', format_type(a.atttypid, a.atttypmod), c.is_nullable, c.column_default, c.identity_generation)
        FROM information_schema.columns c JOIN pg_attribute a
        ON a.attrelid = format('%I.%I', c.table_schema, c.table_name)::regclass AND a.attname = c.column_name
        JOIN pg_class t ON t.oid = a.attrelid AND NOT t.relispartition
        WHERE c.table_schema IN ('public', 'backbone') AND c.table_name <> 'alembic_version'""",
    "constraints": """
        SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace IN ('public'::regnamespace, 'backbone'::regnamespace) AND conrelid <> 0
        AND conrelid::regclass::text NOT LIKE '%alembic_version' AND contype <> 'n'
        AND conrelid NOT IN (SELECT oid FROM pg_class WHERE relispartition)""",
    "indexes": """
        SELECT schemaname || '.' || indexname, indexdef FROM pg_indexes
        WHERE schemaname IN ('public', 'backbone') AND tablename <> 'alembic_version'
        AND NOT (SELECT relispartition FROM pg_class WHERE oid = format('%I.%I', schemaname, tablename)::regclass)""",
}


def config_of(service: str, address: str | None = None) -> Config:
    """Alembic's configuration for one service's database."""
    here = Path(__file__).parent / "migrations"
    module = importlib.import_module(service)
    theirs = Path(next(iter(module.__path__))) / "migrations" / "versions"
    config = Config()
    config.set_main_option("script_location", str(here).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{here / 'versions'}\n{theirs}".replace("%", "%%"))
    config.attributes["service"] = service
    config.attributes["address"] = address
    return config


def metadata_of(service: str) -> MetaData:
    """A service's own tables, as its code declares them."""
    metadata: MetaData = importlib.import_module(f"{service}.tables").Base.metadata
    return metadata


def upgrade(service: str, address: str, revision: str = "heads") -> None:
    """Bring a database up to date, or to a revision. Not to be called while an event loop runs in this thread."""
    command.upgrade(config_of(service, address), revision)


async def missing(service: str, database: Database) -> set[str]:
    """The revisions that the database lacks, or holds without this program knowing them."""
    wanted = set(ScriptDirectory.from_config(config_of(service)).get_heads())
    async with database.engine.connect() as connection:
        there = (await connection.execute(text("SELECT to_regclass('public.alembic_version')"))).scalar_one()
        if there is None:
            return wanted
        found = set((await connection.execute(text("SELECT version_num FROM public.alembic_version"))).scalars())
    return wanted ^ found


async def describe(connection: AsyncConnection) -> dict[str, dict[str, str]]:
    """What a database is made of: columns, constraints and indexes with their definitions."""
    described: dict[str, dict[str, str]] = {}
    for kind, query in _CATALOGUE.items():
        described[kind] = {
            str(name): str(definition) for name, definition in (await connection.execute(text(query))).all()
        }
    return described


async def create_all(connection: AsyncConnection, service: str) -> None:
    """Create the tables as the code declares them, in an empty database: what migrations are compared with."""
    await connection.execute(text("CREATE SCHEMA IF NOT EXISTS backbone"))
    await connection.run_sync(CARRIAGE.create_all)
    await connection.run_sync(metadata_of(service).create_all)


def difference(migrated: dict[str, dict[str, str]], declared: dict[str, dict[str, str]]) -> list[str]:
    """What differs between a migrated database and the declared tables, a line each; empty when they are equal."""
    lines = []
    for kind in sorted(declared):
        for name in sorted(migrated[kind].keys() | declared[kind].keys()):
            there, wanted = migrated[kind].get(name), declared[kind].get(name)
            if there != wanted:
                lines.append(f"{kind}: {name}: migrated {there!r}, declared {wanted!r}")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, do it, say what was done."""
    parser = argparse.ArgumentParser(prog="python -m backbone.migrate", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    given: Any = parser.parse_args(arguments)
    try:
        upgrade(given.service, read_settings().database_of(given.service))
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return 2
    except Exception as error:
        if not is_transient(error):
            raise
        place = f"RELIEFPATH_DATABASE_{given.service.upper()}"
        sys.stderr.write(f"The database in {place} does not answer ({type(error).__name__}).\n")
        return 2
    sys.stdout.write(f"{given.service}: migrated\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
