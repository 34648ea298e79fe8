"""The visiting service's API, and a worker beside it that holds what its reaction fails at."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backbone.database import Database
from stack.keys import Keys
from tests.backbone.streams.ear import Ear
from tests.support.visiting.served import Served, serving


@pytest.fixture
async def served(address: str, keys: Keys) -> AsyncIterator[Served]:
    async with serving(address, keys) as running:
        yield running


@pytest.fixture
def ear(served: Served, db: Database) -> Ear:
    return Ear(served, db)
