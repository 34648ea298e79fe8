"""Every event there could be, for property tests: read off the fields' types."""

from __future__ import annotations

import types
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Le
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from reliefpath.envelope import Actor, Attributes
from reliefpath.events import CATALOGUE, Event, Speaker
from reliefpath.vocabulary import Role

CODES = st.text("abcXYZ012_.:@/-", min_size=1, max_size=12).filter(lambda code: code[0].isalnum())
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


def values(kind: Any, marks: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values that a field of this type may have."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return values(inner, (*marks, *_constraints(more)))
    if origin in {Union, types.UnionType}:
        return st.one_of(*(values(one, marks) for one in get_args(kind)))
    if origin is tuple:
        return st.lists(values(get_args(kind)[0]), max_size=3).map(tuple)
    if kind in {int, float}:
        low = next((mark.ge for mark in marks if isinstance(mark, Ge)), -(10**9))
        high = next((mark.le for mark in marks if isinstance(mark, Le)), 10**9)
        return st.integers(low, high) if kind is int else st.floats(low, high)  # type: ignore[arg-type]  # they are numbers
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        UUID: st.uuids(), datetime: MOMENTS, bool: st.booleans(), str: CODES, type(None): st.none(),
    }  # fmt: skip
    return plain[kind]


def _constraints(marks: list[Any]) -> list[Any]:
    return [one for mark in marks for one in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]


def events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of this type."""
    fields = {name: values(field.annotation, tuple(field.metadata)) for name, field in cls.model_fields.items()}
    return st.fixed_dictionaries(fields).map(cls.model_validate)


def any_event(*speakers: Speaker) -> st.SearchStrategy[Event]:
    """Any event of these speakers, or of all."""
    classes = [cls for cls in CATALOGUE.values() if not speakers or cls.speaker in speakers]
    return st.sampled_from(classes).flatmap(events_of)


def attributes_of(event: Event) -> st.SearchStrategy[Attributes]:
    """Any attributes with which this event may be said."""
    words = st.text(
        st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs", "Cc"]), min_size=1
    )
    return st.builds(
        Attributes,
        id=st.uuids(),
        type=st.just(event.type),
        speaker=st.just(event.speaker),
        stream=st.uuids(),
        seq=st.integers(1, 2**63 - 1),
        time=MOMENTS,
        cause=words,
        actor=st.builds(Actor, st.sampled_from(Role), words),
        rules=st.lists(CODES, max_size=3).map(tuple),
        trace=st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    )
