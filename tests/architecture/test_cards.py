"""A service says what its card says: its transitions emit its own events, its reactions hear whom it hears."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.service import SERVICES, card_of
from reliefpath.events import CATALOGUE, LATER, Speaker
from tests.architecture.sources import PACKAGES, ROOT, modules, tree

HAPPENED = re.compile(r"([A-Z][a-z]+)+([A-Z][a-z]*ed|Held|Lost|Withdrawn|Due|Observing)(InError|Out)?")
"""A noun and what became of it. What is due or under observation has come to be so."""


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_of_a_transition_is_the_services_own_to_say(service: str) -> None:
    for lifecycle in card_of(service).lifecycles:
        for transition in lifecycle.transitions:
            for event in transition.emits:
                assert CATALOGUE[event.type] is event
                assert event.speaker in card_of(service).says, f"{transition.action} says {event.type}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_reaction_hears_a_speaker_the_service_hears(service: str) -> None:
    for event in card_of(service).reactions:
        assert event.speaker in card_of(service).hears, event.type


@pytest.mark.parametrize("service", SERVICES)
def test_every_kind_of_deadline_that_is_set_is_handled(service: str) -> None:
    handled, module = set(card_of(service).deadlines), Path("src") / service
    kinds = {kind for path in _modules_of(module) for kind in _kinds_set(path)}
    unknown = {kind for kind in kinds if kind is not None and kind not in handled}
    assert unknown == set()
    assert bool(kinds) == bool(handled)


def test_every_event_of_the_catalogue_is_said_by_somebody() -> None:
    said = {name for path in modules() if "services" in path.parts for name in _events_made(tree(path))}
    silent = {event.__name__ for event in CATALOGUE.values()} - said
    assert silent == set()


def test_every_speaker_is_said_by_exactly_one_service() -> None:
    for speaker in Speaker:
        assert [service for service in SERVICES if speaker in card_of(service).says].__len__() == 1, speaker


def _modules_of(module: Path) -> Iterator[Path]:
    package = next(one for one in PACKAGES if one.relative_to(ROOT).parts[-2:] == module.parts)
    yield from (path for path in modules() if path.is_relative_to(package))


def _kinds_set(path: Path) -> Iterator[str | None]:
    """The kinds that a module gives to set_deadline; None when only known while running."""
    name = ".".join(path.relative_to(next(p for p in PACKAGES if path.is_relative_to(p)).parent).with_suffix("").parts)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "set_deadline":
            kind = node.args[1]
            if isinstance(kind, ast.Constant):
                yield str(kind.value)
            elif isinstance(kind, ast.Name):
                known = getattr(importlib.import_module(name), kind.id, None)
                yield None if known is None else str(known)
            else:
                yield None


def _events_made(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def test_events_are_named_in_the_past_tense_of_something_that_happened() -> None:
    assert [event.__name__ for event in CATALOGUE.values() if not HAPPENED.fullmatch(event.__name__)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_reaction_waits_for_an_earlier_version_which_none_ever_meets(service: str) -> None:
    assert [event.type for event in card_of(service).reactions if event.type in LATER] == []
