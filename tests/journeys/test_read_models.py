"""Every read model comes out identical when it is rebuilt from the topics, by the command that operations teams use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from backbone.service import SERVICES, card_of
from tests.support.journeys import Stories
from tests.support.network import Network

STORY = "*"


def rebuild(network: Network, service: str, into: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "RELIEFPATH_KAFKA": network.plan.kafka,
        f"RELIEFPATH_DATABASE_{service.upper()}": network.plan.given_databases[service],
    }
    command = [sys.executable, "-m", "backbone.rebuild", service, "--into", into]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "scheduling"])
def test_a_read_model_rebuilt_from_the_topics_is_identical_row_by_row(
    network: Network, stories: Stories, empty_database: Callable[..., str], service: str
) -> None:
    assert stories.run is not None
    done = rebuild(network, service, empty_database(service))
    assert done.returncode == 0, done.stdout + done.stderr
    tables = card_of(service).read_models
    told = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in told] == [f"{service}.{table}" for table in tables]
    assert all("identical" in line and ": 0 rows" not in line for line in told), told


def test_a_database_that_holds_anything_is_never_built_in(network: Network, stories: Stories) -> None:
    assert stories.run is not None
    done = rebuild(network, "operations", network.plan.given_databases["operations"])
    assert done.returncode == 2
    assert "not empty" in done.stderr
