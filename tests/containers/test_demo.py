"""The demo's profile plays all patients through an installation of containers."""

from __future__ import annotations

import time

from tests.containers.conftest import MEASURED
from tests.support.compose import Project


def test_every_story_of_the_demo_ends_as_it_must(project: Project) -> None:
    began = time.monotonic()
    told = project.compose("run", "--rm", "-T", "demo")
    MEASURED.append(f"the demo in {time.monotonic() - began:.0f} s")
    assert "All 30 stories ended as they must" in told


def test_a_token_can_be_had_from_the_key_in_there(project: Project) -> None:
    asking = ["run", "--rm", "--no-deps", "-T", "demo", "python", "-m", "stack", "token", "coordinator"]
    assert project.compose(*asking, "--facility", "PAIN-CLINIC").count(".") == 2
