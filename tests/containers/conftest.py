"""Tests of images and of what Compose makes of them: where a Docker engine answers, and only when asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.compose import IMAGE, Project, docker, inspected, no_engine

HERE: Final = Path(__file__).parent
PATIENCE: Final = 900
BASE: Final = "python:3.13-slim"
MEASURED: Final[list[str]] = []
"""What is told at the end: sizes and times."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What brings up an installation takes its time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(PATIENCE))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured."""
    for line in MEASURED:
        terminalreporter.write_line(f"measured: {line}")


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers; without one the test is left out."""
    if lacking := no_engine():
        pytest.skip(f"{lacking}, so no container is tried")


@pytest.fixture(scope="session")
def image(engine: None) -> str:
    """The image of the services as the checkout makes it now; the other one is made with it."""
    began = time.monotonic()
    project = Project()
    try:
        project.compose("build")
    finally:
        project.close()
    base, ours, plays = (inspected(name)["Size"] / 1e6 for name in (BASE, IMAGE, f"{IMAGE}-deploy"))
    MEASURED.append(f"built, with whatever was cached, in {time.monotonic() - began:.0f} s")
    MEASURED.append(
        f"image {ours:.0f} MB, {ours - base:.0f} MB of it ours; the one that plays {plays - ours:.1f} MB more"
    )
    return IMAGE


@pytest.fixture(scope="module")
def project(image: str) -> Iterator[Project]:
    """This module's own installation, up and healthy."""
    made = Project()
    try:
        MEASURED.append(f"up to healthy in {made.up():.0f} s")
        made.compose("run", "--rm", "-T", "--no-deps", "directory")
        yield made
        MEASURED.append("memory: " + ", ".join(f"{name} {used}" for name, used in made.memory().items()))
    finally:
        made.close()


def run(image: str, *command: str, environ: tuple[str, ...] = ()) -> str:
    """What a command says in a container that is confined as Compose confines it."""
    confined = ["--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"]
    return docker("run", *confined, *(f"--env={one}" for one in environ), image, *command)
