"""One trial: people work, something breaks, it heals, and a process that knows neither checks every promise."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.reliability.faults import STRAYS, Fault
from tests.reliability.installation import Installation
from tests.reliability.visitors import Visitors


@dataclass
class Told:
    """What people were told since the installation began: it must hold after every fault, not after the last alone."""

    visits: list[dict[str, Any]] = field(default_factory=list)
    strays: int = 0


class BrokenPromise(AssertionError):
    """What the checker found."""


UNASKED: Final = ('"event":"a task ended"', '"event":"the process ends"')
"""What an API or a worker logs when it ends though nobody told it to. Whoever is killed logs nothing."""


def ended_unasked(logs: Path) -> list[str]:
    """What processes logged that ended by themselves. No fault is a reason: each has to wait until it is over."""
    lines = [line for path in sorted(logs.glob("*.log")) for line in path.read_text(errors="replace").splitlines()]
    return [line for line in lines if any(words in line.replace('": "', '":"') for words in UNASKED)]


class Trial:
    """Breaks things while people work."""

    def __init__(self, installation: Installation, told: Told, seed: int) -> None:
        self.installation, self.told, self.seed = installation, told, seed
        self.chance = random.Random(seed)
        self.visitors = Visitors(installation.addresses, installation.plan.keys)

    async def run(self, faults: Sequence[Fault], many: int = 3) -> list[str]:
        """Work, break, heal, check; what was broken. Raises BrokenPromise with every promise that does not hold."""
        done = await self.work(faults, many)
        await self.check()
        return done

    async def work(self, faults: Sequence[Fault], many: int = 3) -> list[str]:
        """Let people work while things break; what was broken."""
        sys.stdout.write(f"RELIEFPATH_FAULT_SEED={self.seed}\n")
        done = []
        async with self.visitors.at_work(many):
            await asyncio.sleep(1)
            for fault in faults:
                done.append(await fault(self.installation, self.chance))
                sys.stdout.write(f"{done[-1]}\n")
                self.told.strays += STRAYS.get(fault, 0)
            await asyncio.sleep(1)
        assert self.visitors.visits, "nobody did anything"
        self.told.visits += self.visitors.history()
        return done

    async def check(self) -> None:
        """Wait until all is heard, and compare everything with everything. Raises BrokenPromise."""
        await self.installation.ready()
        if unasked := ended_unasked(self.installation.plan.folder.logs):
            raise BrokenPromise("\n".join(f"a process that nobody ended did: {line}" for line in unasked))
        place = {
            "databases": self.installation.databases,
            "kafka": self.installation.kafka,
            "visits": self.told.visits,
            "strays": self.told.strays,
        }
        path = self.installation.plan.folder.path / "told.json"
        path.write_text(json.dumps(place))
        checking = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.reliability.checker", str(path), stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(240):
            said, _ = await checking.communicate()
        if checking.returncode != 0:
            raise BrokenPromise(said.decode() or f"the checker ended with {checking.returncode}")
