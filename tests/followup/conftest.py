"""What the tests of follow-up share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from stack.keys import Keys
from tests.support.followup import Place, serving


@pytest.fixture
async def place(database: Callable[[str], str], keys: Keys) -> AsyncIterator[Place]:
    """Follow-up, with every facility listed and nothing else in it."""
    async with serving(database("followup"), keys) as running:
        yield running
