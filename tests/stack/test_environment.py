"""The checkout's own Python environment."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from stack import environment
from stack.environment import CHECKOUT, Unusable, members, set_up, stamp


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one member and requirements that install nothing."""
    for name in environment.REQUIREMENTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# nothing\n")
    (tmp_path / "shared" / "one").mkdir(parents=True)
    (tmp_path / "shared" / "one" / "pyproject.toml").write_text("[project]\nname = 'one'\nversion = '1'\n")
    return tmp_path


def test_an_unchanged_environment_is_left_alone_in_well_under_a_second(checkout: Path) -> None:
    script = checkout / "deploy" / "stack" / "src" / "stack" / "environment.py"
    script.parent.mkdir(parents=True)
    shutil.copy(environment.__file__, script)
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (checkout / ".venv" / "reliefpath-stamp").write_text(runpy.run_path(str(script))["stamp"](checkout))
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 0.8


@pytest.mark.parametrize(
    "changed", ["requirements/development.txt", "requirements/uv.txt", "shared/one/pyproject.toml"]
)
def test_whatever_decides_the_contents_changes_the_stamp(checkout: Path, changed: str) -> None:
    before = stamp(checkout)
    with (checkout / changed).open("a") as file:
        file.write("# changed\n")
    assert stamp(checkout) != before


def test_a_new_member_changes_the_stamp(checkout: Path) -> None:
    before = stamp(checkout)
    (checkout / "services" / "two").mkdir(parents=True)
    (checkout / "services" / "two" / "pyproject.toml").write_text("[project]\nname = 'two'\n")
    assert stamp(checkout) != before


def test_a_checkout_that_was_moved_is_set_up_anew(checkout: Path) -> None:
    before = stamp(checkout)
    assert stamp(checkout.rename(checkout.with_name("moved"))) != before


def test_a_folder_without_a_declaration_is_no_member(checkout: Path) -> None:
    (checkout / "shared" / "notes").mkdir()
    assert [folder.name for folder in members(checkout)] == ["one"]


def test_a_failed_set_up_leaves_no_stamp_and_is_done_again(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Path] = []

    def fail(_: Path, environment: Path) -> None:
        raise Unusable("no network")

    def succeed(_: Path, environment: Path) -> None:
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").touch()
        done.append(environment)

    monkeypatch.setattr(environment, "_install", fail)
    with pytest.raises(Unusable, match="no network"):
        set_up(checkout)
    monkeypatch.setattr(environment, "_install", succeed)
    assert set_up(checkout)
    assert not set_up(checkout)
    assert done == [checkout / ".venv"]


def test_a_command_that_fails_is_told_with_what_to_do() -> None:
    with pytest.raises(Unusable, match=r"`false .*failed: check the network, then run make again"):
        environment._made(["/bin/false"], "check the network")


def test_an_old_python_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "OLDEST", (99, 0))
    assert environment.main() == 1
    assert "needs Python" in capsys.readouterr().err


def test_every_requirement_is_pinned_and_hashed_and_no_registry_is_named() -> None:
    for path in sorted((CHECKOUT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert not re.search(r"https?://|^-", text, re.MULTILINE), path.name
        for line in text.splitlines():
            if line and not line.startswith((" ", "#")):
                assert re.match(r"^[a-z0-9._-]+==[^ ]+ .*\\$", line), line
        assert text.count("--hash=sha256:") >= text.count("==")


def test_no_distribution_of_ours_can_be_uploaded_by_mistake() -> None:
    for folder in members(CHECKOUT):
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        assert project["classifiers"] == ["Private :: Do Not Upload"], folder
        assert project["name"].startswith("reliefpath"), folder
