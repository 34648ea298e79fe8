"""The layers hold, and each contract has been seen to fail on a planted import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

LINT = (sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the copy of the sources in a folder."""
    return subprocess.run(
        [*LINT, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sources, side by side in a folder of their own."""
    folder = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


PLANTED = [
    ("referral/rules/clocks.py", "import scheduling.rules", "no service knows another"),
    ("backbone/paging.py", "import referral.rules", "no service knows another"),
    ("referral/rules/clocks.py", "import referral.commands.note", "every module has its one place"),
    ("scheduling/helpers.py", "", "every module has its one place"),
    ("operations/traces.py", "import operations.routes", "inside operations"),
    ("backbone/worker.py", "import backbone.api", "inside backbone"),
    ("backbone/process.py", "import backbone.worker", "inside backbone"),
    ("backbone/offsets.py", "import backbone.streams.lag", "inside backbone"),
    ("backbone/feed.py", "import backbone.relay", "inside backbone"),
    ("backbone/helpers.py", "", "inside backbone"),
    ("backbone/api.py", "import backbone.relay", "an API loads nothing"),
    ("backbone/health.py", "import backbone.consumer", "an API loads nothing"),
    ("backbone/paging.py", "import stack.keys", "nothing that signs tokens"),
    ("operations/cli/api.py", "import stack.folder", "nothing that signs tokens"),
    ("referral/app.py", "import simulator.people", "nothing that signs tokens"),
    ("scheduling/card.py", "import contracts.cards", "nothing that signs tokens"),
    ("reliefpath/journey.py", "import tests.support.papers", "nothing that signs tokens"),
    ("followup/rules/check_in.py", "import sqlalchemy", "without any input or output"),
    ("reliefpath/journey.py", "import asyncio", "without any input or output"),
    ("followup/reactions.py", "import aiokafka", "only backbone.kafka imports aiokafka"),
    ("simulator/play.py", "import referral.tables", "as its users do"),
    ("simulator/play.py", "import backbone.paging", "as its users do"),
    ("reliefpath_client/transport.py", "import reliefpath.vocabulary", "anybody may install it alone"),
    ("operations/peers.py", "import reliefpath_client", "only the command is a client"),
]


@pytest.mark.parametrize(("module", "line", "contract"), PLANTED, ids=[f"{p[0]}: {p[1] or 'new'}" for p in PLANTED])
def test_a_planted_import_breaks_the_contract_that_forbids_it(
    copied: Path, module: str, line: str, contract: str
) -> None:
    path = copied / module
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        found = lint(copied)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    broken = [text for text in found.stdout.splitlines() if " BROKEN" in text]
    assert found.returncode != 0
    assert any(contract in text for text in broken), found.stdout + found.stderr


def test_the_copy_itself_breaks_nothing(copied: Path) -> None:
    found = lint(copied)
    assert found.returncode == 0, found.stdout + found.stderr
