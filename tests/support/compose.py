"""The project of docker-compose.yml under a name, on ports and with secrets of its own, for tests that run it."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stack.keys import Keys
from stack.plan import CHECKOUT
from stack.ports import HOST, SERVICES, free_ports
from tests.support.processes import environment

PUBLISHED: Final = (*SERVICES, "postgres", "kafka")
PATIENCE: Final = 600


def no_engine() -> str | None:
    """Why no container can be run here; None when one can."""
    for asked, lacking in (
        (["docker", "info"], "no Docker engine answers"),
        (["docker", "compose", "version"], "no Docker Compose is installed"),
    ):
        try:
            if subprocess.run(asked, capture_output=True, timeout=30).returncode != 0:
                return lacking
        except (OSError, subprocess.TimeoutExpired):
            return lacking
    return None


def docker(*arguments: str) -> str:
    """What the engine's client says. Raises RuntimeError with its last lines."""
    return _said(["docker", *arguments], None)


IMAGE: Final = "reliefpath-tests:latest"
"""A name of the tests' own: what somebody runs from images on this machine is not replaced."""


class Project:
    """All containers of one installation, with its data as long as it lives."""

    def __init__(self) -> None:
        self.name = f"reliefpath-tests-{secrets.token_hex(4)}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.ports = dict(zip(PUBLISHED, free_ports(len(PUBLISHED)), strict=True))
        subprocess.run([str(CHECKOUT / "deploy" / "secrets"), str(self.folder / "secrets")], check=True)

    @property
    def environ(self) -> dict[str, str]:
        """What docker-compose.yml is read with."""
        ports = {f"RELIEFPATH_PORT_{name.upper()}": str(port) for name, port in self.ports.items()}
        own = {"RELIEFPATH_SECRETS": str(self.folder / "secrets"), "RELIEFPATH_IMAGE": IMAGE}
        return {**environment(), **ports, **own}

    def compose(self, *arguments: str, **environ: str) -> str:
        """What Compose says, on standard output."""
        command = ["docker", "compose", "--ansi=never", "--project-name", self.name, *arguments]
        return _said(command, {**self.environ, **environ})

    def up(self, *arguments: str) -> float:
        """Bring everything up and wait until it is healthy; after how many seconds."""
        began = time.monotonic()
        self.compose("up", "--detach", "--wait", "--no-build", *arguments)
        return time.monotonic() - began

    def down(self) -> None:
        """Stop and remove all containers, and keep the data."""
        self.compose("--profile", "demo", "down")

    def containers(self, part: str) -> list[str]:
        """The ids of the running containers of one part."""
        return self.compose("ps", "--quiet", part).split()

    def memory(self) -> dict[str, str]:
        """How much memory each container holds now."""
        told = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *self.compose("ps", "-q").split())
        lines = (line.split() for line in sorted(told.splitlines()))
        return {name.removeprefix(f"{self.name}-"): used for name, used, *_ in lines}

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each API answers."""
        return {service: f"http://{HOST}:{self.ports[service]}" for service in SERVICES}

    @property
    def databases(self) -> dict[str, str]:
        """The database address of each service, as this machine reaches it."""
        given = {service: (self.folder / "secrets" / f"database_{service}").read_text().strip() for service in SERVICES}
        there = f"@{HOST}:{self.ports['postgres']}/"
        return {service: address.replace("@postgres:5432/", there) for service, address in given.items()}

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap address, as this machine reaches it."""
        return f"{HOST}:{self.ports['kafka']}"

    def keys(self) -> Keys:
        """The key that was made in there, to sign with."""
        folder = self.folder / "keys"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("signing.json", "jwks.json"):
            shown = ["run", "--rm", "--no-deps", "-T", "demo", "cat", f"/var/lib/reliefpath/keys/{name}"]
            (folder / name).write_text(self.compose(*shown))
        return Keys(folder)

    def close(self) -> None:
        """Leave nothing of it."""
        try:
            self.compose("--profile", "demo", "down", "--volumes", "--remove-orphans", "--timeout", "5")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def inspected(image: str) -> dict[str, Any]:
    """What the engine knows of an image."""
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", image))
    return found[0]


def _said(command: list[str], environ: Mapping[str, str] | None) -> str:
    done = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return done.stdout
