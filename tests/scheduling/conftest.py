"""What the tests of the scheduling service share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from stack.keys import Keys
from tests.support.scheduling import Place, serving


@pytest.fixture
async def place(database: Callable[[str], str], keys: Keys) -> AsyncIterator[Place]:
    """The scheduling service with the pain centre listed, open day and night, and nothing else in it."""
    async with serving(database("scheduling"), keys) as running:
        yield running
