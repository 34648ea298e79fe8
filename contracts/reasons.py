"""The codes of all reasons and who gives each, read off the sources that give them.

Whoever acts on a refusal acts on a code, so none may go away; codes may come.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from backbone import validation
from backbone.access import TOKEN_REFUSALS
from backbone.service import SERVICES
from contracts.schema_changes import Change

PLACE: Final = "reasons.json"

ABOUT: Final = (
    "Every code that a reason may have, in `errors` of a problem document as in what stands in the way of an action, "
    "and who gives it. Within v1 no code goes away and none is renamed. Codes may come: act on those that you know, "
    "show the message of those that you do not. Signs of urgency in a proposal have codes of their records."
)

EVERY_API: Final = "every API"
GIVERS: Final = {"reliefpath": EVERY_API, "backbone": EVERY_API, **{service: service for service in SERVICES}}
"""Whose reasons a package gives."""

MAKERS: Final = frozenset({"Reason", "Finding"})

PASSED_ON: Final = frozenset(
    {
        "backbone.problems.reason_of",  # of a finding
        "backbone.problems.invalid",  # of `backbone.validation`
        "backbone.access.admit",  # of `TOKEN_REFUSALS`
        "referral.routes.bundle.read",  # of a finding
        "referral.routes.bundle._reason",  # of the reading of bundles
        "referral.rules.triage._speaks_for",  # signs of urgency, which the records name: they are not ours to promise
    }
)
"""Where codes come from elsewhere."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unreadable(Exception):
    """A reason whose code does not stand where it is given: nobody could promise it."""


def document() -> dict[str, Any]:
    """All codes, each with those who give it."""
    return {"about": ABOUT, "reasons": reasons()}


def reasons(passed_on: frozenset[str] = PASSED_ON) -> dict[str, list[str]]:
    """Who gives each code. Raises Unreadable for a code that is written nowhere, but where it is passed on."""
    found: dict[str, set[str]] = defaultdict(set)
    for package, giver in GIVERS.items():
        for module, text in _modules(package):
            for code in codes_in(module, text, passed_on):
                found[code].add(giver)
    for code in (*validation.CODES, *TOKEN_REFUSALS):
        found[code].add(EVERY_API)
    return {code: sorted(givers) for code, givers in sorted(found.items())}


def reasons_changed(before: Any, after: Any) -> Iterator[Change]:
    """The breaking differences of two such documents: codes that are given no more.

    What was one service's may be given by every API instead.
    """
    now: dict[str, list[str]] = after["reasons"]
    for code, givers in before["reasons"].items():
        if code not in now:
            yield f"/reasons/{code}", "the reason is gone"
        elif EVERY_API not in now[code]:
            for giver in sorted(set(givers) - set(now[code])):
                yield f"/reasons/{code}", f"the reason is not given by {giver} any more"


def codes_in(module: str, text: str, passed_on: frozenset[str] = PASSED_ON) -> Iterator[str]:
    """The codes that a module's source gives. Raises Unreadable for one that cannot be read off it."""
    tree = ast.parse(text)
    _make_sure_that_reasons_are_made_plainly(module, tree)
    for function, code in _given(tree):
        for one in _written(code):
            if one is not None:
                yield one
            elif _place(module, function) not in passed_on:
                raise Unreadable(f"{_place(module, function)} gives a reason whose code does not stand there.")


def _given(tree: ast.AST) -> Iterator[tuple[Function | None, ast.expr | None]]:
    """What is given as a code, and in which function. Of one that a helper is given, it is whoever calls that."""
    for function, call in _calls(tree, MAKERS):
        code = _argument(call, "code", 0)
        parameters = _parameters(function)
        if function is None or not isinstance(code, ast.Name) or code.id not in parameters:
            yield function, code
            continue
        uses = list(_calls(tree, {function.name}))
        for caller, use in uses:
            yield caller, _argument(use, code.id, parameters.index(code.id))
        if not uses:
            yield function, None


def _make_sure_that_reasons_are_made_plainly(module: str, tree: ast.AST) -> None:
    imports = [one for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names]
    others = {one.asname for one in imports if one.name in MAKERS and one.asname}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        handed = {ast.unparse(one) for one in (*call.args, *(one.value for one in call.keywords))}
        if _name(call) in others or (handed & MAKERS and _name(call) != "isinstance"):
            raise Unreadable(f"{module} makes reasons by another name than their own: {ast.unparse(call)}.")


def _modules(package: str) -> Iterator[tuple[str, str]]:
    spec = find_spec(package)
    for root in map(Path, (spec and spec.submodule_search_locations) or ()):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join((package, *(part for part in parts if part != "__init__"))), path.read_text(encoding="utf-8")


def _calls(tree: ast.AST, names: Iterable[str], within: Function | None = None) -> Iterator[tuple[Any, ast.Call]]:
    """Every call of one of these, with the innermost function that it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and _name(node) in names:
            yield within, node
        yield from _calls(node, names, node if isinstance(node, Function) else within)


def _name(call: Any) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _parameters(function: Function | None) -> list[str]:
    given = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)] if function else []
    return [name for name in given if name not in {"self", "cls"}]


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = {one.arg: one.value for one in call.keywords}
    return named.get(name, call.args[position] if position < len(call.args) else None)


def _written(code: ast.expr | None) -> Iterator[str | None]:
    """Each code that is written there, and None for what is not."""
    if isinstance(code, ast.IfExp):
        yield from (*_written(code.body), *_written(code.orelse))
    else:
        yield code.value if isinstance(code, ast.Constant) and isinstance(code.value, str) else None


def _place(module: str, function: Function | None) -> str:
    return f"{module}.{function.name if function else ''}"
