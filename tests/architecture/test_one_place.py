"""What happens in one place only: commits, changes of state, the Kafka client's settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.sources import modules, place, tree

COMMITS_IN: Final = "shared/backbone/src/backbone/database.py"
STATES_CHANGE_IN: Final = "shared/backbone/src/backbone/transitions.py"


def commits(module: ast.Module) -> Iterator[int]:
    """Lines that commit or roll back a database transaction by hand."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield node.lineno


def state_changes(module: ast.Module) -> Iterator[int]:
    """Lines that assign to an attribute named `state` of something, or set it in an UPDATE's values."""
    for node in ast.walk(module):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        yield from (one.lineno for one in targets if isinstance(one, ast.Attribute) and one.attr == "state")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values":
            yield from (node.lineno for keyword in node.keywords if keyword.arg == "state")


def _found(look: object, allowed: str) -> list[str]:
    assert callable(look)
    return [f"{place(path)}:{line}" for path in modules() if place(path) != allowed for line in _but_kafka(path, look)]


def _but_kafka(path: Path, look: object) -> list[int]:
    """A Kafka client's own `commit` tells the group a position; it is no transaction of ours."""
    assert callable(look)
    if look is commits and place(path).startswith("shared/backbone/src/backbone/kafka/"):
        return []
    return list(look(tree(path)))


def test_only_the_unit_of_work_commits() -> None:
    assert _found(commits, COMMITS_IN) == []


def test_only_transitions_change_a_state() -> None:
    assert _found(state_changes, STATES_CHANGE_IN) == []


@pytest.mark.parametrize(
    ("planted", "look"),
    [
        ("async def f(session):\n    await session.commit()", commits),
        ("row.state = 'accepted'", state_changes),
        ("update(table).values(state='accepted')", state_changes),
    ],
)
def test_a_planted_exception_is_found(planted: str, look: object) -> None:
    assert callable(look)
    assert list(look(ast.parse(planted)))
