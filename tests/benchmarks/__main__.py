"""Run the benchmarks, arms one after the other within each round, and write down what came out."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog
import uvloop

from stack.plan import CHECKOUT
from tests.benchmarks.creating import http_create
from tests.benchmarks.draining import backlog, beside
from tests.benchmarks.ground import SIZES, Ground, Size, Void
from tests.benchmarks.hearing import read_model
from tests.benchmarks.latency import commit_to_consumer
from tests.benchmarks.report import Measured, table, write

ENOUGH: Final = 5
"""Rounds from which on the results are written down."""

Round = Callable[[Ground, Size, int], Awaitable[dict[str, float]]]

BENCHMARKS: Final[dict[str, tuple[Round, Measured]]] = {
    "backlog": (backlog, Measured("drain of a backlog", 0.5, "relay", "bare producer", "events/s", [])),
    "latency": (
        commit_to_consumer,
        Measured(
            "commit to consumer, p99 at 500 events/s", 2, "commit to consumer", "commit + produce to consume", "ms", [],
            at_most=True,
        ),
    ),
    "foreign": (
        beside,
        Measured(
            "drain beside an open transaction", 0.95, "foreign transaction open", "nothing else open", "events/s", []
        ),
    ),
    "hearing": (read_model, Measured("consumer into a read model", 0.6, "consumer", "unnest upsert", "events/s", [])),
    "create": (http_create, Measured("HTTP create with its event", 0.7, "API", "pgbench", "creations/s", [])),
}  # fmt: skip


def main() -> int:
    """Measure; 1 when a figure is void, for a goal that is missed is a finding and no failure."""
    parser = argparse.ArgumentParser(description="Benchmarks of the carriage.")
    parser.add_argument("--rounds", type=int, default=ENOUGH)
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--only", choices=sorted(BENCHMARKS), action="append")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    chosen = given.only or list(BENCHMARKS)
    measured = {name: BENCHMARKS[name][1] for name in chosen}
    ground = Ground()
    try:
        uvloop.run(_run(ground, given.size, given.rounds, measured))
    finally:
        ground.close()
    about = {"size": given.size, "rounds": given.rounds, "cores": os.cpu_count(), "python": platform.python_version()}
    print(table(list(measured.values()), about))
    if given.size == "full" and given.rounds >= ENOUGH and not given.only:
        write(CHECKOUT / "docs" / "benchmarks", list(measured.values()), about)
    return int(any(one.void for one in measured.values()))


async def _run(ground: Ground, size: str, rounds: int, measured: dict[str, Measured]) -> None:
    await ground.topics()
    if "backlog" in measured or "foreign" in measured:
        await backlog(ground, SIZES["small"], 0)  # to get warm
    for turn in range(rounds):
        for name, so_far in measured.items():
            if so_far.void:
                continue
            try:
                figures = await BENCHMARKS[name][0](ground, SIZES[size], turn)
                measured[name] = replace(so_far, rounds=[*so_far.rounds, figures])
                print(f"round {turn + 1}: {name} " + ", ".join(f"{arm} {one:,.4g}" for arm, one in figures.items()))
            except Void as void:
                measured[name] = replace(so_far, void=str(void))
                print(f"round {turn + 1}: {name} is void: {void}")
            sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
