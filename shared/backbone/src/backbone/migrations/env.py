"""How Alembic reaches a database: asynchronously, in one transaction, and without waiting long for a lock."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from backbone.carriage import CARRIAGE
from backbone.database import async_url
from backbone.migrate import metadata_of

config = context.config


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=[CARRIAGE, metadata_of(config.attributes["service"])],
        include_schemas=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        context.run_migrations()


async def _connect() -> None:
    engine = create_async_engine(async_url(config.attributes["address"]))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(722, 1)"))
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


asyncio.run(_connect())
