"""No event can carry a name, a sentence or an address: the types of its fields leave no room for one."""

from __future__ import annotations

import types
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, Union, get_args, get_origin
from uuid import UUID

import pytest
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from reliefpath.events import CATALOGUE, Event
from reliefpath.vocabulary import Code

HARMLESS: Final = {UUID, datetime, bool, int, float, type(None)}
CODE: Final = get_args(Code)[1]
"""What makes a text a code: a pattern that no sentence and no name fits."""


def roomy(kind: Any, marks: tuple[Any, ...] = ()) -> list[str]:
    """The parts of a type into which free text would fit."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return roomy(inner, (*marks, *more))
    if origin in {Union, types.UnionType} or origin is tuple:
        return [part for one in get_args(kind) if one is not Ellipsis for part in roomy(one, marks)]
    if kind in HARMLESS or (isinstance(kind, type) and issubclass(kind, Enum)):
        return []
    if kind is str and CODE in marks:
        return []
    return [getattr(kind, "__name__", str(kind))]


def rooms(cls: type[Event]) -> dict[str, list[str]]:
    """The fields of an event into which free text would fit."""
    found = {name: roomy(field.annotation, _marks(field)) for name, field in cls.model_fields.items()}
    return {name: parts for name, parts in found.items() if parts}


def _marks(field: FieldInfo) -> tuple[Any, ...]:
    return tuple(field.metadata)


@pytest.mark.parametrize("cls", CATALOGUE.values(), ids=lambda cls: cls.__name__)
def test_no_field_of_an_event_has_room_for_free_text(cls: type[Event]) -> None:
    assert rooms(cls) == {}


@pytest.mark.parametrize("cls", CATALOGUE.values(), ids=lambda cls: cls.__name__)
def test_an_event_keeps_nothing_that_it_does_not_declare(cls: type[Event]) -> None:
    assert cls.model_config.get("extra") == "ignore"


ROOMY: Final[list[Any]] = [
    str,
    str | None,
    tuple[str, ...],
    Annotated[str, StringConstraints(max_length=5)],
    dict[str, int],
    list[Code],
    Any,
    bytes,
    object,
    Annotated[tuple[str, ...], "names"],
]


@pytest.mark.parametrize("kind", ROOMY, ids=str)
def test_a_type_with_room_for_free_text_is_found(kind: Any) -> None:
    assert roomy(kind)


@pytest.mark.parametrize("kind", [Code, Code | None, tuple[Code, ...], UUID, int | None], ids=str)
def test_a_code_a_number_and_an_id_have_no_room(kind: Any) -> None:
    assert roomy(kind) == []
