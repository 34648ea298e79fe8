"""What the database itself promises about appointments."""

from __future__ import annotations

from collections.abc import Callable

from backbone.database import Database
from backbone.migrate import create_all, describe, difference


async def test_the_migrated_database_is_the_one_the_tables_declare(
    database: Callable[[str], str], empty_database: Callable[..., str]
) -> None:
    migrated, declared = Database(database("scheduling")), Database(empty_database("scheduling"))
    async with declared.engine.begin() as connection:
        await create_all(connection, "scheduling")
        wanted = await describe(connection)
    async with migrated.engine.connect() as connection:
        assert difference(await describe(connection), wanted) == []
    await migrated.close()
    await declared.close()
