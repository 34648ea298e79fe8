"""The guide for integrators as its reader meets it: code that may be copied, and names that should exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from stack.ports import DEFAULT_BASE, HOST, Ports

GUIDE: Final = Path(__file__).parents[2] / "docs" / "integrators.md"
LOCAL: Final = f"http://{HOST}:{Ports(DEFAULT_BASE).api('referral')}"
"""Where its code finds the referral service: on the reader's own machine."""

_FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"`([^`\n]+)`")
_STATUS: Final = re.compile(r"(?<![\w.-])[1-5][0-9]{2}(?![\w.-])")


def code(text: str) -> list[str]:
    """Its Python code in its order, each piece as far down as it stands, so that an error names the guide's line."""
    return ["\n" * text.count("\n", 0, one.start(2)) + one[2] for one in _FENCED.finditer(text) if one[1] == "python"]


def names(text: str) -> Iterator[str]:
    """What its prose names: whatever is between backticks, and every status."""
    prose = _FENCED.sub("", text)
    yield from _NAMED.findall(prose)
    yield from _STATUS.findall(_NAMED.sub("", prose))


async def run(piece: str, address: str, known: dict[str, Any]) -> None:
    """Run a piece of its code against the referral service at this address; `known` is what the reader has by then."""
    there = piece.replace(LOCAL, address)
    assert there != piece, f"it does not say where: {LOCAL}"
    running = eval(compile(there, GUIDE.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), known)
    if running is not None:
        await running
