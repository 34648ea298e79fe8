"""The checkout's own Python environment, made from hashed requirements.

It runs before anything is installed: `python3 -I deploy/stack/src/stack/environment.py`, hence the standard library
only. A stamp over everything that decides the environment's contents makes a second run cost milliseconds.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[4]
MEMBERS = ("shared/*", "services/*", "deploy/*")
REQUIREMENTS = ("requirements/uv.txt", "requirements/runtime.txt", "requirements/development.txt")
OLDEST = (3, 11)


class Unusable(Exception):
    """The environment cannot be made; the message says what to do."""


def members(checkout: Path) -> list[Path]:
    """The folders of the workspace's members, those that hold a pyproject.toml, in a stable order."""
    return sorted(found.parent for pattern in MEMBERS for found in checkout.glob(pattern + "/pyproject.toml"))


def stamp(checkout: Path) -> str:
    """A digest of all that decides what the environment holds: interpreter, place, requirements and members."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {checkout}".encode())
    declared = [folder / "pyproject.toml" for folder in members(checkout)]
    for path in [Path(__file__), *(checkout / name for name in REQUIREMENTS), *declared]:
        digest.update(str(path.relative_to(checkout) if path.is_relative_to(checkout) else path.name).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def set_up(checkout: Path) -> bool:
    """Make `.venv` hold exactly the hashed requirements and all members as editable installs.

    Returns whether anything had to be done. Two runs at once wait for each other. The stamp is written last, so an
    interrupted run is simply done again.
    """
    environment = checkout / ".venv"
    wanted = stamp(checkout)
    if _stamped(environment) == wanted:
        return False
    with (checkout / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _stamped(environment) == wanted:
            return False
        _install(checkout, environment)
        (environment / "reliefpath-stamp").write_text(wanted)
    return True


def lock(checkout: Path) -> None:
    """Resolve what the members and dependency groups declare into requirements/*.txt, hashed, naming no registry."""
    ours = [str(folder.relative_to(checkout) / "pyproject.toml") for folder in members(checkout)]
    names = [_distribution(checkout / path) for path in ours]
    compiling = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    compiling += ["--no-header", "--no-emit-index-url", *(f"--no-emit-package={name}" for name in names)]
    deployed = [path for path in ours if path.startswith(("shared/", "services/"))]
    groups = [f"--group=pyproject.toml:{group}" for group in ("build", "test", "check", "bench")]
    runtime, development = "requirements/runtime.txt", "requirements/development.txt"
    _uv(checkout, *compiling, *deployed, "--output-file", runtime)
    _uv(checkout, *compiling, *ours, *groups, "--constraint", runtime, "--output-file", development)
    _uv(checkout, *compiling, "--group=pyproject.toml:uv", "--output-file", "requirements/uv.txt")
    image = ["--group=pyproject.toml:image", "--constraint", development]
    _uv(checkout, *compiling, *image, "--output-file", "requirements/image.txt")


def _install(checkout: Path, environment: Path) -> None:
    python = environment / "bin" / "python"
    if environment.exists() and _version(python) != sys.version_info[:2]:
        shutil.rmtree(environment)
    if not (environment / "bin" / "uv").exists():
        _say("making .venv with Python {}.{} (once, about 10 s)".format(*sys.version_info[:2]))
        missing = "install python3-venv (Debian: apt-get install python3-venv)"
        _made([sys.executable, "-m", "venv", "--clear", str(environment)], missing)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes"]
        _made([*pip, "-r", str(checkout / "requirements/uv.txt")], "check the network and pip's configuration")
    _say("installing the hashed requirements")
    install = ["pip", "install", "--quiet", "--python", str(python), "--no-deps"]
    requirements = ["--requirements", str(checkout / "requirements/development.txt")]
    # What services import is compiled now, once, and not by a dozen processes at the same time when they first start.
    runtime = str(checkout / "requirements/runtime.txt")
    _uv(checkout, *install, "--require-hashes", "--compile-bytecode", "--requirements", runtime)
    _uv(checkout, *install, "--require-hashes", *requirements)
    editable = [argument for folder in members(checkout) for argument in ("--editable", str(folder))]
    _uv(checkout, *install, "--exact", "--no-build-isolation", *requirements, *editable)


def _stamped(environment: Path) -> str | None:
    try:
        return (environment / "reliefpath-stamp").read_text() if (environment / "bin" / "python").exists() else None
    except OSError:
        return None


def _version(python: Path) -> tuple[int, int] | None:
    asked = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        major, minor = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return int(major), int(minor)


def _distribution(pyproject: Path) -> str:
    import tomllib  # only here: the sentence about an old Python must come before this import can fail

    return str(tomllib.loads(pyproject.read_text())["project"]["name"])


def _uv(checkout: Path, *arguments: str) -> None:
    # uv would otherwise fetch interpreters by itself, and would read settings of the machine's other projects.
    settings = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    _made([str(checkout / ".venv/bin/uv"), *arguments], "see the lines above", cwd=checkout, env=settings)


def _made(command: list[str], remedy: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    finished = subprocess.run(command, cwd=cwd, env=env)
    if finished.returncode != 0:
        raise Unusable(f"`{Path(command[0]).name} {' '.join(command[1:3])} …` failed: {remedy}, then run make again.")


def _say(sentence: str) -> None:
    print(f"setup: {sentence}", file=sys.stderr, flush=True)


def main() -> int:
    """Set up, or lock, as the command line says: 0, or 1 after one sentence that says what to do."""
    if sys.version_info < OLDEST:
        have = "{}.{}".format(*sys.version_info[:2])
        _say(
            f"Reliefpath needs Python 3.11 or newer and this is {have}; install one and run `make PYTHON=python3.11 …`."
        )
        return 1
    parser = argparse.ArgumentParser(description="Make the checkout's Python environment from hashed requirements.")
    parser.add_argument("step", nargs="?", choices=["set-up", "lock"], default="set-up")
    step = parser.parse_args().step
    try:
        if step == "lock":
            lock(CHECKOUT)
        else:
            set_up(CHECKOUT)
    except Unusable as reason:
        _say(str(reason))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
