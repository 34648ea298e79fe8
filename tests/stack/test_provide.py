"""Roles and databases can be made on any PostgreSQL, again and again, by addresses that are nowhere quoted."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from stack.failure import Failure
from stack.provide import main, provide
from tests.support.databases import Databases
from tests.support.servers import finish


def address_of(databases: Databases, role: str, password: str, database: str) -> str:
    """An address on the tests' PostgreSQL."""
    host = databases.cluster.address("postgres").rpartition("@")[2].partition("/")[0]
    return f"postgresql://{role}:{password}@{host}/{database}"


@pytest.mark.db
async def test_a_password_that_changed_is_the_new_one_from_then_on(databases: Databases) -> None:
    superuser = databases.cluster.address("postgres")
    old, new = (address_of(databases, "o'brien-1", password, "o'brien-1") for password in ("it%27s", "other"))
    await provide(superuser, [old])
    connection = await asyncpg.connect(old)
    assert await connection.fetchval("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'") == 1
    await connection.execute("CREATE TABLE kept (id int)")
    await connection.close()
    await provide(superuser, [new])
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(old)
    connection = await asyncpg.connect(new)
    await connection.execute("DROP TABLE kept")
    await connection.close()
    cleaning = await asyncpg.connect(superuser)
    await cleaning.execute('DROP DATABASE "o\'brien-1"; ')
    await cleaning.execute('DROP ROLE "o\'brien-1"')
    await cleaning.close()


@pytest.mark.db
def test_the_command_reads_files_and_quotes_nothing(
    databases: Databases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, referral = tmp_path / "superuser", tmp_path / "referral"
    given.write_text(databases.cluster.address("postgres") + "\n")
    referral.write_text(address_of(databases, "provided", "a-secret", "provided") + "\n")
    try:
        assert main([str(given), str(referral)]) == 0
        assert capsys.readouterr().out == "1 databases are provided\n"
        given.write_text(address_of(databases, "postgres", "a-guess", "postgres"))
        assert main([str(given), str(referral)]) == 1
        assert capsys.readouterr().err == "The databases could not be provided (InvalidPasswordError).\n"
    finally:
        finish(_drop(databases))


async def _drop(databases: Databases) -> None:
    connection = await asyncpg.connect(databases.cluster.address("postgres"))
    await connection.execute("DROP DATABASE provided")
    await connection.execute("DROP ROLE provided")
    await connection.close()


def test_a_file_that_is_missing_or_no_address_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "address"
    assert main([str(file), str(file)]) == 1
    assert capsys.readouterr().err == "The databases could not be provided (FileNotFoundError).\n"
    file.write_text("postgresql://referral@there/referral")
    assert main([str(file), str(file)]) == 1
    assert "lacks a role, a password or a database" in capsys.readouterr().err


async def test_an_address_without_a_password_provides_nothing() -> None:
    with pytest.raises(Failure, match="lacks a role, a password"):
        await provide("postgresql://nobody:is@asked/it", ["postgresql://referral@there/referral"])
