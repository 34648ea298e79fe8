"""`python -m simulator`: send synthetic patients through the installation that the environment names."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console

from reliefpath_client import Refusal, Unreachable
from simulator import directory, table
from simulator.cast import Cast
from simulator.casting import assign
from simulator.clock import NotStill
from simulator.network import Network, NotSet
from simulator.progress import Telling
from simulator.run import Run
from simulator.stories import STORIES

PATIENTS: Final = 30
WIDE: Final = 150
"""Characters in a line where no terminal says how many there are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every story ended as it must, 1 when one did not or the run could not be played, each with a sentence."""
    parser = argparse.ArgumentParser(prog="simulator", description="Sends synthetic patients through Reliefpath.")
    parser.add_argument("--patients", type=int, default=PATIENTS, help=f"at least {len(STORIES)}, one for each branch")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same patients and stories")
    parser.add_argument("--json", action="store_true", help="print what happened as JSON")
    parser.add_argument("--directory", action="store_true", help="only list the facilities and what is in them")
    asked = parser.parse_args(arguments)
    if asked.patients < len(STORIES):
        parser.error(f"--patients takes at least {len(STORIES)}, so that every branch is played")
    try:
        if asked.directory:
            asyncio.run(list_directory())
            return 0
        return asyncio.run(play(asked.patients, asked.seed, as_json=asked.json))
    except (NotSet, NotStill, Refusal, Unreachable) as wrong:
        print(f"The simulator cannot go on: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def play(patients: int, seed: int, *, as_json: bool = False) -> int:
    """One run, with its progress, its tables and its verdict."""
    telling = Console(stderr=as_json)
    if not telling.is_terminal:
        telling.width = WIDE
    async with Network.of() as network:
        run = Run(network, assign(patients, seed))
        with Telling(telling, patients) as progress:
            await run.perform(progress.look_on)
    if as_json:
        print(json.dumps(table.as_data(run), indent=1))
    else:
        table.show(run, telling)
    telling.print(table.verdict(run), highlight=False)
    telling.print(table.price(run), highlight=False)
    return 1 if any(outcome.failure for outcome in run.outcomes) else 0


async def list_directory() -> None:
    """The places of the stories, and nobody in them. What is listed already stays as it is."""
    async with Network.of() as network:
        await directory.list_everything(Cast.of(network).operator)


if __name__ == "__main__":
    sys.exit(main())
