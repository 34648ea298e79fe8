"""Nobody reads anything by default: every GET asks for a role first, or is on this list with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tests.architecture.sources import modules, place, tree

FOR_EVERYBODY: Final = {
    "services/referral/src/referral/routes/facility.py": "which facilities there are is no patient's secret",
    "services/scheduling/src/scheduling/routes/directory.py": "which facilities there are is no patient's secret",
    "shared/backbone/src/backbone/clock.py": "the time is nobody's secret, and only a development profile answers",
    "shared/backbone/src/backbone/health.py": "health and metrics name no patient",
    "shared/backbone/src/backbone/api.py": "transition tables name no patient",
}


ROLE_ASKED_BY: Final = {"Operator", "AsCaller"}
"""Parameters that ask for a role themselves."""


def reads_without_a_role(module: ast.Module) -> Iterator[str]:
    """The names of a module's GET handlers in which no role is asked for."""
    for node in ast.walk(module):
        if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        methods = {
            one.func.attr
            for one in node.decorator_list
            if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
        }
        calls = {one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
        asked = {ast.unparse(one.annotation) for one in node.args.args if one.annotation is not None}
        if "get" in methods and "require_role" not in calls and not asked & ROLE_ASKED_BY:
            yield node.name


def test_every_read_asks_for_a_role_first() -> None:
    found = {place(path): names for path in modules() if (names := list(reads_without_a_role(tree(path))))}
    assert {path: names for path, names in found.items() if path not in FOR_EVERYBODY} == {}


def test_a_planted_read_for_everybody_is_found() -> None:
    assert list(
        reads_without_a_role(ast.parse("@router.get('/x')\nasync def x(principal): return read(principal)"))
    ) == ["x"]
