"""What a person sees, and what a program reads: tables on a terminal, one JSON object per line with --json."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")]

WIDE: Final = 10_000
"""Columns of a table that is piped somewhere: nobody wants it folded to a terminal's width."""

STYLES: Final = {
    "parked": "bold red",
    "missing": "red",
    "stalled": "bold red",
    "unobserved": "bold red",
    "behind": "yellow",
    "retrying": "yellow",
    "growing": "yellow",
    "waiting": "cyan",
    "current": "green",
    "shrinking": "green",
    "resolved": "green",
    "new": "red",
    "failed_again": "bold red",
}


def console(*, error: bool = False) -> Console:
    """Where to print. Colours only on a terminal, and never with NO_COLOR."""
    piped = not (sys.stderr if error else sys.stdout).isatty() and "COLUMNS" not in os.environ
    return Console(stderr=error, width=WIDE if piped else None, highlight=False, soft_wrap=False)


def show(*parts: RenderableType) -> None:
    """Print for a person."""
    target = console()
    if target.is_terminal:
        target.print(*parts, sep="\n")
        return
    with target.capture() as printed:
        target.print(*parts, sep="\n")
    sys.stdout.write("".join(line.rstrip() + "\n" for line in printed.get().splitlines()))


def warn(sentence: str) -> None:
    """Say something beside the answer."""
    console(error=True).print(plain(sentence, "yellow"), soft_wrap=True)


def tell(item: Any) -> None:
    """Print for a program: one object, one line."""
    sys.stdout.write(json.dumps(item, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: Any, style: str = "") -> Text:
    """Anything as text that a terminal takes as text: no markup, no control characters."""
    text = "" if value is None else str(value)
    return Text("".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text), style=style)


def coloured(value: Any) -> Text:
    """A status in its colour."""
    return plain(value, STYLES.get(str(value), ""))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, headed: bool = True, indent: int = 0
) -> RenderableType:
    """A table; a column whose name ends in `>` is aligned to the right."""
    drawn = Table(box=None, pad_edge=False, show_header=headed, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        right = name.endswith(">")
        drawn.add_column(name.rstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return Padding(drawn, (0, 0, 0, indent)) if indent else drawn


def duration(seconds: float | None) -> str:
    """A time span in its two largest units: `3d 4h`, `12m 5s`, `0.4s`."""
    if seconds is None:
        return "–"
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    if seconds < 10:
        return f"{sign}{seconds:.1f}s" if seconds >= 0.05 else "0s"
    whole = round(seconds)
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    first = next(place for place, (amount, _) in enumerate(parts) if amount)
    return sign + " ".join(f"{amount}{unit}" for amount, unit in parts[first : first + 2] if amount)


def moment(text: Any) -> datetime | None:
    """A time as an API writes it, or None when it is none."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def time_of(text: Any) -> str:
    """A time for a person: to the second, in UTC."""
    read = moment(text)
    return read.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if read else "–"


def age(text: Any) -> str:
    """How long ago a real time was."""
    read = moment(text)
    return duration((datetime.now(UTC) - read).total_seconds()) if read else "–"


def event_name(type: Any) -> str:
    """An event's type without its prefix and version: `ReferralAccepted`."""
    parts = str(type).split(".")
    return parts[-2] if len(parts) > 2 else str(type)
