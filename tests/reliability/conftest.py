"""One installation for all faults of a run; whatever a fault does to it, every promise must hold afterwards."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.reliability.installation import Installation, temporary
from tests.reliability.trials import Told, Trial
from tests.support.visiting.fixtures import address, connect, db, template

__all__ = ["template", "address", "connect", "db"]

HERE: Final = Path(__file__).parent
PATIENCE: Final = 400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for the installation is a journey, and takes its time."""
    for item in items:
        if HERE in item.path.parents and "trial" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """A whole installation to break."""
    with temporary() as running:
        yield running


@pytest.fixture(scope="session")
def told() -> Told:
    """What everybody was told in this run."""
    return Told()


@pytest.fixture
def trial(installation: Installation, told: Told) -> Trial:
    """A seeded trial; set RELIEFPATH_FAULT_SEED to repeat one."""
    seed = int(os.environ.get("RELIEFPATH_FAULT_SEED") or random.SystemRandom().randrange(10**9))
    return Trial(installation, told, seed)
