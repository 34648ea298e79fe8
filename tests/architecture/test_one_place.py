"""What happens in one place only: commits, changes of state, the list of services and the way to their cards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from backbone.service import SERVICES
from tests.architecture.sources import modules, place, tree

COMMITS_IN: Final = "shared/backbone/src/backbone/database.py"
STATES_CHANGE_IN: Final = "shared/backbone/src/backbone/transitions.py"

SERVICES_ARE_NAMED_IN: Final = "shared/backbone/src/backbone/service.py"
SERVICES_ARE_NAMED_AGAIN_IN: Final = {
    "deploy/stack/src/stack/ports.py": "it may not import backbone; a test compares them",
    "deploy/simulator/src/simulator/network.py": "it may not import backbone; a test compares them",
    "shared/client/src/reliefpath_client/operations.py": "it is written from the contract",
}


def commits(module: ast.Module) -> Iterator[int]:
    """Lines that commit a database transaction by hand."""
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


def lists_of_services(module: ast.Module) -> Iterator[int]:
    """Lines that list all services by name, be it as values or as a type."""
    for node in ast.walk(module):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            named = {one.value for one in node.elts if isinstance(one, ast.Constant)}
            if named.issuperset(SERVICES):
                yield node.lineno


def ways_to_cards(module: ast.Module) -> Iterator[int]:
    """Lines that import a service's card by a name that is put together."""
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr) and ast.unparse(node).rstrip("'\"").endswith(".card"):
            yield node.lineno


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


def test_only_one_module_lists_the_services() -> None:
    found = {line.partition(":")[0] for line in _found(lists_of_services, SERVICES_ARE_NAMED_IN)}
    assert found == set(SERVICES_ARE_NAMED_AGAIN_IN)


def test_only_one_function_imports_a_card_by_its_service() -> None:
    assert _found(ways_to_cards, SERVICES_ARE_NAMED_IN) == []


@pytest.mark.parametrize(
    ("planted", "look"),
    [
        ("async def f(session):\n    await session.commit()", commits),
        ("row.state = 'accepted'", state_changes),
        ("update(table).values(state='accepted')", state_changes),
        ("NAMES = ['referral', 'scheduling', 'followup', 'operations']", lists_of_services),
        ("Name = Literal['operations', 'referral', 'scheduling', 'followup']", lists_of_services),
        ("import_module(f'{service}.card').SERVICE", ways_to_cards),
    ],
)
def test_a_planted_exception_is_found(planted: str, look: object) -> None:
    assert callable(look)
    assert list(look(ast.parse(planted)))
