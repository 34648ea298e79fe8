"""Tests mirror sources: who knows a module knows where its tests are, and no test outlives what it tested.

The tests of `a/b.py` are a file `a/test_b.py`, or a folder `a/test_b` of several, each about one thing that it does.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

from tests.architecture.sources import PACKAGES, ROOT, modules, place, tree

MIRRORED: Final = {package.name for package in PACKAGES}


def _is_mute(path: Path) -> bool:
    """A module that only describes or re-exports has nothing that could go wrong on its own."""
    return path.name in {"__init__.py", "__main__.py"} and not any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree(path).body
    )


def _mirror(path: Path) -> Path:
    package = next(one for one in PACKAGES if path.is_relative_to(one))
    inside = path.relative_to(package)
    name = inside.parent.name if inside.name == "__init__.py" else inside.stem
    return ROOT / "tests" / package.name / inside.parent / f"test_{name.strip('_')}.py"


def _has_tests(path: Path) -> bool:
    mirror = _mirror(path)
    return mirror.is_file() or any(mirror.with_suffix("").glob("test_*.py"))


def test_every_module_has_its_tests_at_the_mirrored_place() -> None:
    lacking = [place(path) for path in modules() if not _is_mute(path) and not _has_tests(path)]
    assert lacking == []


def test_every_test_of_a_package_has_its_module() -> None:
    expected = {_mirror(path) for path in modules()}
    found = {path for package in MIRRORED for path in (ROOT / "tests" / package).rglob("test_*.py")}
    lost = {path for path in found - expected if path.parent.with_suffix(".py") not in expected}
    assert sorted(map(place, lost)) == []
