"""What the tests of operations share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from backbone.database import Database, UnitOfWork
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.emptying import empty
from tests.support.operations import Operations, serving

Work = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


@pytest.fixture
async def store(database: Callable[[str], str]) -> AsyncIterator[Database]:
    """The database of operations, with nothing in it."""
    opened = Database(database("operations"), connections=3)
    await empty(opened, "operations")
    yield opened
    await opened.close()


@pytest.fixture
def work(store: Database) -> Work:
    """`async with work() as uow:` a transaction as a consumer opens it."""
    return lambda: store.unit_of_work(actor=Actor(Role.SYSTEM, "operations"), cause="consumer")


@pytest.fixture
async def operations(store: Database, keys: Keys) -> AsyncIterator[Operations]:
    """The API of operations; no other service answers."""
    async with serving(store.address, keys) as api:
        yield api
