"""The long run: faults at random, one after the other, everything checked after each.

python -m tests.reliability --minutes 30 --seed 7 --brokers 3    writes docs/evidence/faults-<day>-<seed>.md and .json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from stack.plan import CHECKOUT
from tests.reliability.faults import ANY, ANY_OF_THREE
from tests.reliability.installation import Installation, temporary
from tests.reliability.trials import BrokenPromise, Told, Trial

REBUILT: Final = ("referral", "followup", "operations")
"""Services whose read models the topics alone must bring back (I6)."""

EVIDENCE: Final = CHECKOUT / "docs" / "evidence"


async def go_on(installation: Installation, minutes: float, seed: int) -> dict[str, Any]:
    """Break things for so long; what was done and found."""
    chance, told = random.Random(seed), Told()
    kinds = ANY_OF_THREE if len(installation.brokers) == 3 else ANY
    began, trials = time.monotonic(), []
    while time.monotonic() - began < minutes * 60:
        faults = [chance.choice(kinds) for _ in range(chance.randint(1, 4))]
        trial = Trial(installation, told, chance.randrange(10**9))
        started, broken = time.monotonic(), ""
        try:
            done = await trial.run(faults)
        except (BrokenPromise, TimeoutError, ExceptionGroup) as failure:
            done, broken = [fault.__name__ for fault in faults], str(failure) or type(failure).__name__
            sys.stdout.write(f"BROKEN: {broken}\n")
        trials.append(
            {
                "seed": trial.seed,
                "faults": [fault.__name__ for fault in faults],
                "done": done,
                "seconds": round(time.monotonic() - started, 1),
                "visits": len(trial.visitors.visits),
                "repeated_requests": sum(visit.repeats for visit in trial.visitors.visits),
                "slowest_answer_seconds": round(trial.visitors.slowest, 2),
                "broken": broken,
            }
        )
    differing = [f"I6 {one}: {what}" for one in REBUILT if (what := await installation.rebuilt(one))]
    return {
        "seed": seed,
        "brokers": len(installation.brokers),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": trials,
        "visits": len(told.visits),
        "acknowledged_steps": sum(len(visit["done"]) for visit in told.visits),
        "never_answered": sum(1 for visit in told.visits if visit["unknown"]),
        "strays": told.strays,
        "findings": [*(one["broken"] for one in trials if one["broken"]), *differing],
    }


def page(result: dict[str, Any]) -> str:
    """The result for a reader."""
    counted = Counter(fault for trial in result["trials"] for fault in trial["faults"])
    repeated = sum(one["repeated_requests"] for one in result["trials"])
    slowest = max((one["slowest_answer_seconds"] for one in result["trials"]), default=0)
    summary = f"""# Faults, seed {result["seed"]}

{result["minutes"]} minutes, ended {result["ended"]}; `make faults MINUTES=… SEED={result["seed"]} BROKERS={result["brokers"]}`.
{len(result["trials"])} trials, {sum(counted.values())} faults. After each trial every promise was checked by a process of its own, over everything
since the beginning; at the end the read models of {", ".join(REBUILT)} were rebuilt from the topics and compared row by row.

{result["visits"]} referrals, {result["acknowledged_steps"]} acknowledged steps, {result["never_answered"]} never answered, {result["strays"]} stray messages, {repeated} requests
repeated under their key; slowest answer {slowest} s, outages included.
"""  # noqa: E501 - as wide as the pages are
    lines = [
        summary,
        "| fault | times |",
        "|---|---|",
        *(f"| {fault.replace('_', ' ')} | {count} |" for fault, count in counted.most_common()),
        "",
        "Broken promises: " + ("none." if not result["findings"] else ""),
        *(f"- {finding}" for finding in result["findings"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run, write down, and end with 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream of the terminal or a file
    sys.stdout.write(f"SEED={given.seed}\n")
    with temporary(given.brokers) as installation:
        result = asyncio.run(go_on(installation, given.minutes, given.seed))
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    name = EVIDENCE / f"faults-{result['ended'][:10]}-{result['seed']}"
    name.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    name.with_suffix(".md").write_text(page(result))
    sys.stdout.write(page(result))
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
