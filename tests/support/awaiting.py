"""Which reactions may wait for another speaker's word, and for which: read off the code, so that no list goes stale."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from backbone.hearing import Awaits
from backbone.service import card_of
from reliefpath.events import CATALOGUE, Event


def awaited_by(service: str) -> dict[type[Event], set[type[Event]]]:
    """Per event whose reaction may wait: the events that it may wait for."""
    found = {event: awaited(reached(reaction)) for event, reaction in card_of(service).reactions.items()}
    return {event: names for event, names in found.items() if names}


def reached(begin: Any) -> set[FunctionType]:
    """Every function of the same service that a function may call, as far as its source names it; itself too."""
    package = begin.__module__.partition(".")[0]
    found: set[FunctionType] = set()
    left = [begin]
    while left:
        named = left.pop()
        one = inspect.unwrap(named) if callable(named) else getattr(named, "__func__", None)
        if isinstance(one, FunctionType) and one not in found and _is_written_in(package, one):
            found.add(one)
            left += _named_in(one)
    return found


def _is_written_in(package: str, function: FunctionType) -> bool:
    """Whether it is a function of the package; what a dataclass makes of itself has no source."""
    return function.__module__.partition(".")[0] == package and Path(function.__code__.co_filename).is_file()


def _named_in(function: FunctionType) -> Iterator[Any]:
    """What a function's source names, by itself, of a module, or within a table or a class."""
    for node in ast.walk(_source(function)):
        named = None
        if isinstance(node, ast.Name):
            named = function.__globals__.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = function.__globals__.get(node.value.id)
            named = getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
        yield named
        if isinstance(named, Mapping):
            yield from named.values()
        elif isinstance(named, type):
            yield from vars(named).values()


def awaited(functions: set[FunctionType]) -> set[type[Event]]:
    """What these functions wait for by name. Raises LookupError when the name is no event's."""
    return {_event(call) for function in functions for call in waits(_source(function), function.__globals__)}


def waits(source: ast.AST, names: Mapping[str, Any] | None = None) -> Iterator[ast.Call]:
    """Every place where this source makes an Awaits."""
    for node in ast.walk(source):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called == "Awaits" or (names is not None and names.get(called) is Awaits):
                yield node


def _event(call: ast.Call) -> type[Event]:
    what = call.args[0]
    begin = what.values[0] if isinstance(what, ast.JoinedStr) else what
    name = str(begin.value).split()[0] if isinstance(begin, ast.Constant) else ast.unparse(what)
    for event in CATALOGUE.values():
        if name == f"{event.speaker}.{event.__name__}":
            return event
    raise LookupError(f"{name} is no event: a reaction waits by `speaker.Event`")


def _source(function: FunctionType) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))
