"""A role and a database for every address, on any PostgreSQL: made, or given the password it has now. Safe to repeat.

python -m stack.provide SUPERUSER ADDRESS…    each a file that holds a PostgreSQL address, as secrets are handed over
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg

from stack.failure import Failure

EXTENSIONS: Final = ("btree_gist",)
CLOSED: Final = ("postgres", "template1")
"""Databases that every cluster has, and no service may enter."""
PATIENCE: Final = 10.0


async def provide(superuser: str, addresses: Iterable[str]) -> None:
    """Make what these addresses name, as the superuser whose address is given.

    Raises Failure when an address lacks a role, a password or a database.
    """
    wanted = [_parts(address) for address in addresses]
    connection = await asyncpg.connect(superuser, timeout=PATIENCE)
    try:
        for role, password, database in wanted:
            await _provide(connection, role, password, database)
    finally:
        await connection.close()
    for _, _, database in wanted:
        owned = await asyncpg.connect(urlsplit(superuser)._replace(path=f"/{database}").geturl(), timeout=PATIENCE)
        try:
            for extension in EXTENSIONS:
                await owned.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        finally:
            await owned.close()


async def _provide(connection: asyncpg.Connection[Any], role: str, password: str, database: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await _do(connection, "CREATE ROLE %I LOGIN", role)
    await _do(connection, "ALTER ROLE %I PASSWORD %L", role, password)
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        await _do(connection, "CREATE DATABASE %I OWNER %I", database, role)
    for closed in (database, *CLOSED):
        await _do(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", closed)


async def _do(connection: asyncpg.Connection[Any], statement: str, *names: str) -> None:
    """A utility statement takes no parameters, so PostgreSQL quotes them into it first."""
    wanted = ", ".join(f"${number}::text" for number in range(2, len(names) + 2))
    await connection.execute(await connection.fetchval(f"SELECT format($1, {wanted})", statement, *names))


def _parts(address: str) -> tuple[str, str, str]:
    split = urlsplit(address)
    role, password, database = split.username, split.password, split.path.removeprefix("/")
    if not role or not password or not database:
        raise Failure("An address lacks a role, a password or a database: postgresql://role:password@host/database.")
    return unquote(role), unquote(password), unquote(database)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the files, do it, say what was done; else one sentence that quotes none of them."""
    parser = argparse.ArgumentParser(prog="python -m stack.provide", description="A role and a database per address.")
    parser.add_argument("superuser", type=Path)
    parser.add_argument("addresses", type=Path, nargs="+")
    asked = parser.parse_args(arguments)
    try:
        superuser, *addresses = (path.read_text().strip() for path in (asked.superuser, *asked.addresses))
        asyncio.run(provide(superuser, addresses))
    except Failure as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        print(f"The databases could not be provided ({type(error).__name__}).", file=sys.stderr)
        return 1
    print(f"{len(addresses)} databases are provided")
    return 0


if __name__ == "__main__":
    sys.exit(main())
