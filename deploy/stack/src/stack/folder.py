"""The data folder of one stack: who holds it, what is in it, and what runs from it now."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

from stack.failure import Failure

LAYOUT: Final = 1
"""Raised when a data folder written before can no longer be used."""


@dataclass
class Part:
    """One process as the state file tells of it."""

    name: str
    pid: int
    port: int | None
    log: str
    started: float
    restarts: int = 0
    tells_readiness: bool = False


@dataclass
class State:
    """What runs from a data folder, as told to `status`, `demo` and `down`. Times are seconds since the epoch."""

    pid: int
    command: str
    base_port: int
    started: float
    ready: bool = False
    parts: list[Part] = field(default_factory=list)
    clients: dict[str, str] = field(default_factory=dict)
    """The settings with which a client of this stack finds it."""


@dataclass(frozen=True)
class DataFolder:
    """Paths in the data folder. Nothing is created before `hold`."""

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], checkout: Path) -> DataFolder:
        """Where RELIEFPATH_DATA says, else `var` in the checkout."""
        asked = environ.get("RELIEFPATH_DATA")
        return cls((checkout / asked).resolve() if asked else checkout / "var")

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.path / "logs"

    @property
    def keys(self) -> Path:
        """The development signing key and its public half."""
        return self.path / "keys"

    @property
    def kafka(self) -> Path:
        """The broker's log."""
        return self.path / "kafka"

    @property
    def postgres(self) -> Path:
        """The database cluster, where the account that runs it can reach it."""
        return self.path / "postgres"

    @property
    def refuge(self) -> Path:
        """A place that every account can reach, for a server that may not run as root and cannot reach the folder."""
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"reliefpath-{digest}"  # noqa: S108 - its owner is checked before use

    @contextlib.contextmanager
    def hold(self, command: str) -> Iterator[None]:
        """Be the only stack of this folder. Raises Failure naming the one that already is."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            tries = 0
            while not _locked(lock, exclusive=True):
                tries += 1
                if tries == 10:  # a reader of `is_held` has the lock for a moment only
                    raise Failure(self._occupied(command))
                time.sleep(0.05)
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether a stack runs from this folder now."""
        if not self._lock.exists():
            return False
        with self._lock.open("a") as lock:
            return not _locked(lock, exclusive=False)

    def state(self) -> State | None:
        """What runs from this folder, or None when nothing does."""
        if not self.is_held():
            return None
        try:
            told: dict[str, Any] = json.loads(self._state.read_text())
        except (OSError, ValueError):
            return None
        return State(**{**told, "parts": [Part(**part) for part in told["parts"]]})

    def tell(self, state: State) -> None:
        """Publish what runs, whole or not at all."""
        replace(self._state, json.dumps(asdict(state), indent=1))

    def identity(self) -> str:
        """A random name given to this folder once. Raises Failure when the folder is of another layout."""
        card = self.path / "folder.json"
        if card.exists():
            try:
                told = cast("dict[str, Any]", json.loads(card.read_text()))
            except ValueError:
                told = {}
            if told.get("layout") != LAYOUT or not isinstance(told.get("identity"), str):
                raise Failure(
                    f"{self.path} was written by another version of Reliefpath: move it away to start afresh "
                    f"(mv {self.path} {self.path}.old), or run the version that wrote it."
                )
            return str(told["identity"])
        identity = secrets.token_hex(8)
        replace(card, json.dumps({"layout": LAYOUT, "identity": identity}))
        return identity

    def require_whole(self, servers: Mapping[str, Path]) -> None:
        """Raise Failure when some servers' data are here and others', that were here too, are gone.

        Rows and events of different origins do not fit together: offsets and numbers would point nowhere.
        """
        marker = self.path / "in-use.json"
        if not marker.exists():
            return
        before = cast("list[str]", json.loads(marker.read_text()))
        gone = [name for name in before if name in servers and not servers[name].exists()]
        if gone and len(gone) < len(before):
            raise Failure(
                f"The data of {' and '.join(gone)} are gone from {self.path} while the rest is there, and they only "
                f"fit together: remove the folder to start afresh (rm -r {self.path})."
            )

    def mark_whole(self, servers: Mapping[str, Path]) -> None:
        """Remember which servers' data this folder holds."""
        replace(self.path / "in-use.json", json.dumps(sorted(servers)))

    @property
    def _lock(self) -> Path:
        return self.path / "stack.lock"

    @property
    def _state(self) -> Path:
        return self.path / "stack.json"

    def _occupied(self, command: str) -> str:
        state = self.state()
        runner = f"process {state.pid}, make {state.command}" if state else "another process"
        follow = "stop it with `make down`" if state and state.command == "up" else "stop it with Ctrl-C there"
        return (
            f"Reliefpath already runs from {self.path} ({runner}): use it with `make demo` and `make status`, "
            f"or {follow} before `make {command}`."
        )


def replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old text or the new, also after a crash."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _locked(lock: IO[str], *, exclusive: bool) -> bool:
    try:
        fcntl.flock(lock, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
