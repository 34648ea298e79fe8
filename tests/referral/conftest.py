"""What the tests of the referral service share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from stack.keys import Keys
from tests.support.referral import Place, serving


@pytest.fixture
async def place(database: Callable[[str], str], keys: Keys) -> AsyncIterator[Place]:
    """The referral service, with every facility listed and nothing else in it."""
    async with serving(database("referral"), keys) as running:
        yield running
