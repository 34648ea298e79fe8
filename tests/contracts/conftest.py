"""How the answers among the examples are recorded, by the test that plays the stories; and contracts to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.examples import ANSWERS, left_over
from tests.contracts.planting import Planted


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the option; `make contracts ANSWERS=anew` is the way to it."""
    parser.addoption("--record-answers", action="store_true", help="write down what stories are answered")


@pytest.fixture(scope="session")
def recording(request: pytest.FixtureRequest) -> bool:
    """Whether answers are written down in this run, rather than held against those that were."""
    told = bool(request.config.getoption("--record-answers", default=False))
    if told:
        for path in left_over():
            (ANSWERS / path).unlink(missing_ok=True)
    return told


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """The present contracts as released ones, and a copy of them to change."""
    return Planted(tmp_path)
