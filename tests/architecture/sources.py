"""Where the sources are, for the tests that look at all of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (
    ROOT / "contracts",
    *sorted(
        folder
        for group in ("shared", "services", "deploy")
        for folder in (ROOT / group).glob("*/src/*")
        if (folder / "__init__.py").is_file()
    ),
)


def modules() -> Iterator[Path]:
    """Every module of ours; migrations are history, not modules."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            if "migrations" not in path.relative_to(package).parts:
                yield path


@cache
def tree(path: Path) -> ast.Module:
    """A module as its syntax."""
    return ast.parse(path.read_text())


def place(path: Path) -> str:
    """A path as the repository names it."""
    return str(path.relative_to(ROOT))
