"""Journeys: every story is told once, on real services; then each file looks at what its story left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from simulator.cast import Cast
from simulator.network import Network as Installation
from simulator.stories import STORIES
from tests.support.journeys import Stories, Told
from tests.support.network import Network
from tests.support.servers import finish

HERE: Final = Path(__file__).parent
PATIENCE: Final = 600
"""Seconds a journey may take, the start of all services and the telling of all stories included."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a journey."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.fixture(scope="session")
def stories(request: pytest.FixtureRequest, network: Network) -> Stories:
    """The stories that the collected tests are about, told to their end. A file names its story in STORY."""
    modules = [getattr(item, "module", None) for item in request.session.items]
    named = {getattr(module, "STORY", None) for module in modules}
    wanted = [story.name for story in STORIES if story.name in named or "*" in named]
    return finish(Stories(network.client, wanted).tell())


@pytest.fixture
async def told(request: pytest.FixtureRequest, stories: Stories, network: Network) -> AsyncIterator[Told]:
    """This file's story, as it was told, and people to look at what it left behind."""
    name = getattr(request, "param", None) or request.module.STORY
    async with Installation.of(network.client) as installation:
        yield Told(stories.outcome(name), Cast.of(installation))
