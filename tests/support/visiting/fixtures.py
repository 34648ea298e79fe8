"""Databases of the visiting service, one per test: a conftest takes these fixtures in by naming them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backbone.database import Database
from backbone.migrate import upgrade
from tests.support.databases import Databases
from tests.support.visiting.world import VISITING


@pytest.fixture(scope="session")
def template(databases: Databases) -> str:
    """A migrated database, to be copied."""
    address = databases.empty("referral")
    with ThreadPoolExecutor(1) as thread:  # the migrations run an event loop of their own
        thread.submit(upgrade, VISITING, address).result()
    return address


@pytest.fixture
def address(databases: Databases, template: str) -> Iterator[str]:
    """The address of this test's own migrated database."""
    copy = databases.copy(template, owner="referral")
    yield copy
    databases.drop(copy)


@pytest.fixture
async def connect(address: str) -> AsyncIterator[Callable[..., Database]]:
    """Another connection pool to this test's database."""
    opened: list[Database] = []

    def database(**settings: object) -> Database:
        opened.append(Database(address, **{"connections": 10, "name": "test", **settings}))  # type: ignore[arg-type]  # its own
        return opened[-1]

    yield database
    for one in opened:
        await one.close()


@pytest.fixture
def db(connect: Callable[..., Database]) -> Database:
    """This test's database."""
    return connect()
