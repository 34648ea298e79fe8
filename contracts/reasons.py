"""The codes of all reasons: which service gives each and in what words, read off the sources that give them.

Whoever acts on a refusal acts on a code, so none may go away; words may change and codes may come.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any, Final

from backbone.access import TOKEN_REFUSALS
from backbone.service import SERVICES
from contracts.schema_changes import Change
from contracts.validation import codes_of_requests

PLACE: Final = "reasons.json"

ABOUT: Final = (
    "Every code that a reason may have, in `errors` of a problem document as in what stands in the way of an action: "
    "who gives it, and in what words, with … for what differs. Within v1 no code goes away and none is renamed. Codes "
    "may come, and words may change: act on codes that you know, show the message of those that you do not."
)

EVERY_API: Final = "every API"
GIVERS: Final = {"reliefpath": EVERY_API, "backbone": EVERY_API, **{service: service for service in SERVICES}}
"""Whose reasons a package gives."""

MAKERS: Final = frozenset({"Reason", "Finding"})

PASSED_ON: Final = frozenset(
    {
        "backbone.problems.reason_of",  # of a finding
        "backbone.problems.invalid",  # of the validation: see `codes_of_requests`
        "backbone.access.admit",  # of the library of tokens: see `TOKEN_REFUSALS`
        "referral.routes.bundle.read",  # of a finding
        "referral.routes.bundle._reason",  # of the reading of bundles
        "referral.rules.triage._speaks_for",  # signs of urgency, which the records name: they are not ours to promise
    }
)
"""Where codes come from elsewhere."""

Reasons = dict[str, dict[str, list[str]]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unreadable(Exception):
    """A reason whose code does not stand where it is given: nobody could promise it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reason as a source gives it."""

    code: str
    words: str


def document(apis: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """All reasons, by their codes, of the services with these OpenAPI documents."""
    return {"about": ABOUT, "reasons": reasons(apis)}


def reasons(apis: Iterable[Mapping[str, Any]]) -> Reasons:
    """In what words each code is said, by who says them."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for package, giver in GIVERS.items():
        for module, text in _modules(package):
            for one in said_in(module, text):
                found[one.code][giver].add(one.words)
    for code, words in {**codes_of_requests(apis), **TOKEN_REFUSALS}.items():
        found[code][EVERY_API].add(words)
    return {code: {giver: sorted(said) for giver, said in sorted(by.items())} for code, by in sorted(found.items())}


def reasons_changed(before: Any, after: Any) -> Iterator[Change]:
    """The breaking differences of two such documents, each with its JSON pointer: codes that are given no more.

    What was one service's may be given by every API instead.
    """
    now: Mapping[str, Mapping[str, Any]] = after["reasons"]
    for code, givers in before["reasons"].items():
        if code not in now:
            yield f"/reasons/{code}", "the reason is gone"
            continue
        if EVERY_API not in now[code]:
            for giver in sorted(set(givers) - set(now[code])):
                yield f"/reasons/{code}/{giver}", f"the reason is not given by {giver} any more"


def said_in(module: str, text: str) -> Iterator[Said]:
    """The reasons that a module's source gives. Raises Unreadable for a code that cannot be read off it."""
    tree = ast.parse(text)
    for function, call in _calls(tree, MAKERS):
        code, words = _given(call, "code", 0), _given(call, "message", 1)
        places = _parameters(function)
        if function is None or not isinstance(code, ast.Name) or code.id not in places:
            yield from _read(module, function, code, words)
            continue
        for caller, use in _calls(tree, {function.name}):
            given = [_given(use, name, places.index(name)) for name in _names(code, words) if name in places]
            yield from _read(module, caller, given[0], given[1] if len(given) > 1 else words)


def _modules(package: str) -> Iterator[tuple[str, str]]:
    spec = find_spec(package)
    for root in map(Path, (spec and spec.submodule_search_locations) or ()):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join((package, *(part for part in parts if part != "__init__"))), path.read_text(encoding="utf-8")


def _calls(tree: ast.AST, names: Iterable[str], within: Function | None = None) -> Iterator[tuple[Any, ast.Call]]:
    """Every call of one of these, with the innermost function that it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
            yield within, node
        yield from _calls(node, names, node if isinstance(node, Function) else within)


def _parameters(function: Function | None) -> list[str]:
    return [one.arg for one in (*function.args.args, *function.args.kwonlyargs)] if function else []


def _given(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = {one.arg: one.value for one in call.keywords}
    return named.get(name, call.args[position] if position < len(call.args) else None)


def _names(*nodes: ast.expr | None) -> list[str]:
    return [node.id for node in nodes if isinstance(node, ast.Name)]


def _read(module: str, function: Function | None, code: ast.expr | None, words: ast.expr | None) -> Iterator[Said]:
    found = list(_cases(code, _assigned(words, function)))
    place = f"{module}.{function.name if function else ''}"
    if not found and place not in PASSED_ON:
        raise Unreadable(f"{place} gives a reason whose code does not stand there: write it out, or say whence it is.")
    about = (ast.get_docstring(function) or "").partition("\n")[0] if function else ""
    for one, texts in found:
        yield from (Said(one, text) for text in [text for each in texts for text in _templates(each)] or [about])


def _cases(code: ast.expr | None, words: list[ast.expr]) -> Iterator[tuple[str, list[ast.expr]]]:
    """Each code that is written there, with the words that go with it."""
    if isinstance(code, ast.Constant) and isinstance(code.value, str):
        yield code.value, words
    elif isinstance(code, ast.IfExp):
        for branch in ("body", "orelse"):
            yield from _cases(getattr(code, branch), [_when(code.test, one, branch) for one in words])


def _when(test: ast.expr, words: ast.expr, branch: str) -> ast.expr:
    """What is said in this branch, if that depends on the same."""
    same = isinstance(words, ast.IfExp) and ast.dump(words.test) == ast.dump(test)
    return getattr(words, branch) if same else words


def _assigned(words: ast.expr | None, function: Function | None) -> list[ast.expr]:
    """The expression, or all that a name may have been given between its use and the one before."""
    if not isinstance(words, ast.Name) or function is None:
        return [words] if words else []
    given = {
        id(target): one.value for one in ast.walk(function) if isinstance(one, ast.Assign) for target in one.targets
    }
    named = [one for one in ast.walk(function) if isinstance(one, ast.Name) and one.id == words.id]
    before = sorted((one for one in named if one.lineno <= words.lineno), key=lambda one: one.lineno, reverse=True)
    since = dropwhile(lambda one: id(one) not in given, before)
    return [given[id(one)] for one in takewhile(lambda one: id(one) in given, since)][::-1]


def _templates(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be, with … for what is put into them."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (*_templates(node.body), *_templates(node.orelse))
    elif isinstance(node, ast.BinOp):
        sides = [list(_templates(side)) or ["…"] for side in (node.left, node.right)]
        yield from (left + right for left in sides[0] for right in sides[1])
    elif isinstance(node, ast.Subscript):
        yield from _templates(node.value)
