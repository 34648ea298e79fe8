"""What was measured, as JSON, as a Markdown table and as bars."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Measured:
    """One benchmark's rounds. The ratio is of medians, `ours` to `floor`."""

    name: str
    goal: float
    ours: str
    floor: str
    unit: str
    rounds: Sequence[dict[str, float]]
    void: str = ""
    at_most: bool = False
    """Whether the goal is a most, as of a time, rather than a least."""

    @property
    def ratio(self) -> float | None:
        """Ours to the floor, or None when it counts for nothing."""
        if self.void or not self.rounds:
            return None
        return self.median(self.ours) / self.median(self.floor)

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        ratio = self.ratio
        return ratio is not None and (ratio <= self.goal if self.at_most else ratio >= self.goal)

    def median(self, arm: str) -> float:
        """The arm's median."""
        return statistics.median(one[arm] for one in self.rounds)

    def shown(self, arm: str) -> str:
        """The arm's median and spread, in words."""
        values = [one[arm] for one in self.rounds]
        return f"{self.median(arm):,.4g} ({min(values):,.4g}–{max(values):,.4g})" if values else "–"


def write(folder: Path, measured: Sequence[Measured], about: dict[str, Any]) -> None:
    """Write results.json, results.md and results.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        **about,
        "benchmarks": [
            {
                "name": one.name, "goal": one.goal, "at_most": one.at_most, "unit": one.unit, "ours": one.ours,
                "floor": one.floor, "ratio": one.ratio, "reached": one.reached, "void": one.void,
                "rounds": list(one.rounds),
            }
            for one in measured
        ],
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "results.md").write_text(table(measured, about))
    (folder / "results.svg").write_text(bars(measured))


def table(measured: Sequence[Measured], about: dict[str, Any]) -> str:
    """A Markdown table."""
    lines = [
        "# Results",
        "",
        "Written by `make bench`: " + ", ".join(f"{name} {value}" for name, value in about.items()) + ".",
        "Medians, and in brackets the least and the most.",
        "",
        "| Benchmark | Unit | Ours | Floor | Ratio | Goal | Reached |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in measured:
        goal = f"{'≤' if one.at_most else '≥'} {one.goal}"
        ratio = f"{one.ratio:.3f}" if one.ratio is not None else f"void: {one.void}"
        arms = f"{one.ours}: {one.shown(one.ours)} | {one.floor}: {one.shown(one.floor)}"
        lines.append(f"| {one.name} | {one.unit} | {arms} | {ratio} | {goal} | {'yes' if one.reached else 'no'} |")
    return "\n".join([*lines, "", "![The ratios against their goals](results.svg)", ""])


def bars(measured: Sequence[Measured]) -> str:
    """One bar per benchmark: the ratio, and a line where its goal is."""
    widest = max([one.goal for one in measured] + [one.ratio or 0 for one in measured]) * 1.1
    high, wide, left = 44, 460, 330
    size = f'width="{left + wide + 90}" height="{high * len(measured) + 20}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" {size}>']
    for number, one in enumerate(measured):
        top, length = number * high + 12, (one.ratio or 0) / widest * wide
        goal, colour = left + one.goal / widest * wide, "#2f855a" if one.reached else "#b7791f"
        said = f"{one.ratio:.2f}" if one.ratio is not None else "void"
        parts += [
            f'<text x="{left - 8}" y="{top + 18}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect x="{left}" y="{top}" width="{length:.1f}" height="26" fill="{colour}"/>',
            f'<line x1="{goal:.1f}" x2="{goal:.1f}" y1="{top - 4}" y2="{top + 30}" stroke="#1a202c" stroke-width="2"/>',
            f'<text x="{max(left + length, goal) + 6:.1f}" y="{top + 18}">{said}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
