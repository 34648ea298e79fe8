"""How much a stack takes of its machine, as /proc tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Footprint:
    """Processes, and the memory they hold in bytes; what they share is counted once."""

    processes: int
    memory: int

    def __str__(self) -> str:
        return f"{self.processes} processes, {self.memory / 2**20:,.0f} MB"


def footprint(roots: Iterable[int]) -> Footprint:
    """The footprint of these processes and all that descend from them. Zero where there is no /proc."""
    children = _children()
    members, waiting = set[int](), list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in members:
            members.add(pid)
            waiting.extend(children.get(pid, ()))
    sizes = [size for pid in members if (size := _memory(pid))]
    return Footprint(len(sizes), sum(sizes))


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold anything; the parent is the second word after it.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        found.setdefault(parent, []).append(int(folder.name))
    return found


def _memory(pid: int) -> int:
    """Proportional set size in bytes, resident size where that is not ours to see."""
    for table, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{pid}/{table}").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0
