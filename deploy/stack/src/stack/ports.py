"""One base port, and every address that follows from it."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.failure import Failure

SERVICES: Final = ("referral", "scheduling", "followup", "operations")
HOST: Final = "127.0.0.1"
DEFAULT_BASE: Final = 7400
SPAN: Final = 30
"""Ports from the base on that one stack may use."""
UNCLAIMED: Final = range(10_000, 32_000)
"""Below what a kernel gives to outgoing connections: one of them could take a server's port while it is away."""
MOST_TOLD: Final = 3
"""Ports in use that one sentence names."""


@dataclass(frozen=True)
class Ports:
    """The ports of one stack, all within `SPAN` of the base."""

    base: int = DEFAULT_BASE

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Ports:
        """The ports that RELIEFPATH_PORT asks for. Raises Failure when it is no usable port."""
        asked = environ.get("RELIEFPATH_PORT") or str(DEFAULT_BASE)
        if not asked.isascii() or not asked.isdigit() or not 1024 <= int(asked) <= 65535 - SPAN:
            raise Failure(
                f"RELIEFPATH_PORT is {asked!r}: set it to a number from 1024 to {65535 - SPAN}, "
                f"for example {DEFAULT_BASE}."
            )
        return cls(int(asked))

    def api(self, service: str) -> int:
        """Where a service's API answers."""
        return self.base + SERVICES.index(service)

    def worker(self, service: str) -> int:
        """Where a service's worker answers for its health and metrics."""
        return self.base + 10 + SERVICES.index(service)

    @property
    def postgres(self) -> int:
        """Where the embedded PostgreSQL listens."""
        return self.base + 20

    def kafka(self, nodes: int) -> list[tuple[int, int]]:
        """Where clients reach each node's broker, and where its KRaft controller listens; for four nodes at most."""
        return [(self.base + 21 + 2 * node, self.base + 22 + 2 * node) for node in range(nodes)]


def require_free(wanted: Mapping[int, str]) -> None:
    """Raise Failure naming ports that something else listens on.

    `wanted` maps a port to what will listen there.
    """
    taken = [(port, purpose) for port, purpose in wanted.items() if not is_free(port)]
    if not taken:
        return
    told = ", ".join(f"{port} ({purpose}; taken{_by(port)})" for port, purpose in taken[:MOST_TOLD])
    if len(taken) > MOST_TOLD:
        told += f" and {len(taken) - MOST_TOLD} more"
    raise Failure(
        f"{'Port' if len(taken) == 1 else 'Ports'} in use: {told}. "
        "Stop what listens there, or choose other ports with RELIEFPATH_PORT (such as RELIEFPATH_PORT=8400 make run)."
    )


def is_free(port: int) -> bool:
    """Whether this machine lets us listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, for tests that run beside a stack."""
    return list(itertools.islice(filter(is_free, random.SystemRandom().sample(UNCLAIMED, len(UNCLAIMED))), count))


def _by(port: int) -> str:
    for pid, program in _listeners(port):
        return f" by {program}, process {pid}"
    return ""


def _listeners(port: int) -> Iterator[tuple[int, str]]:
    """Who listens on the port, as far as /proc lets us see: process id and program."""
    sockets = set(_listening_sockets(port))
    for folder in Path("/proc").glob("[0-9]*"):
        if any(_target(entry) in sockets for entry in folder.glob("fd/*")):
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "comm").read_text().strip()


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed meanwhile, or not ours to see
        return ""


def _listening_sockets(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            listening = fields[3] == "0A"
            if listening and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"
