"""The pieces FHIR resources are made of, read from whatever stands in their place. Nothing here raises.

Text is freed of what no database column takes (NUL, lone surrogates) and of invisible characters, and cut to a length
that no honest name or label exceeds.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_TEXT: Final = 500
INVISIBLE: Final = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f\\u200b-\\u200f\\u2060\\ufeff\\ud800-\\udfff]")
ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
TYPE: Final = re.compile(r"[A-Za-z]{1,64}")
NUMERAL: Final = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
UNTYPED: Final = "?"

Body = Mapping[str, Any]


def text(value: object) -> str | None:
    """Some text, or None when there is none."""
    if not isinstance(value, str):
        return None
    return INVISIBLE.sub("", value[: 4 * LONGEST_TEXT]).strip()[:LONGEST_TEXT] or None


def words(value: str) -> str:
    """Text as it is compared: lower case, plain forms of letters, single spaces."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", value)).casefold()


def number(value: object) -> float | None:
    """A finite number, also when it is written as text."""
    if isinstance(value, str) and NUMERAL.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def child(body: Body, *names: str) -> Body:
    """The object at the end of a path of names; an empty one when any of it is missing."""
    for name in names:
        found = body.get(name)
        if not isinstance(found, Mapping):
            return {}
        body = found
    return body


def children(body: Body, name: str) -> list[Body]:
    """The objects of a list; a lone object counts as a list of one."""
    found = body.get(name)
    if isinstance(found, Mapping):
        return [found]
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def texts(body: Body, name: str) -> tuple[str, ...]:
    """The texts of a list; a lone text counts as a list of one."""
    found = body.get(name)
    listed = found if isinstance(found, list) else [found]
    return tuple(one for one in map(text, listed) if one is not None)


def resource_type(body: Body) -> str:
    """The type of a resource, or a question mark."""
    found = body.get("resourceType")
    return found if isinstance(found, str) and TYPE.fullmatch(found) else UNTYPED


def resource_id(body: Body) -> str | None:
    """The id of a resource, when it has one that is well-formed."""
    found = body.get("id")
    return found if isinstance(found, str) and ID.fullmatch(found) else None


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of one system."""

    system: str | None
    code: str | None
    display: str | None


@dataclass(frozen=True, slots=True)
class Concept:
    """What something is called: codes, and words."""

    codings: tuple[Coding, ...] = ()
    said: str | None = None

    @property
    def first(self) -> Coding:
        """The first coding that has a code; an empty one when none has."""
        return next((coding for coding in self.codings if coding.code), Coding(None, None, None))

    @property
    def label(self) -> str | None:
        """The best words for it."""
        return self.said or next((coding.display for coding in self.codings if coding.display), None)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every wording of it, as it is compared, each once."""
        found = (self.said, *(coding.display for coding in self.codings))
        return tuple(dict.fromkeys(words(one) for one in found if one))

    def codes(self, system: str) -> Iterator[str]:
        """The codes of every system whose name contains this, in lower case."""
        for coding in self.codings:
            if coding.code and coding.system and system in coding.system.casefold():
                yield coding.code.casefold()

    def __bool__(self) -> bool:
        return bool(self.label or self.first.code)


def concept(value: object) -> Concept:
    """A CodeableConcept; also a bare Coding, or plain text."""
    if isinstance(value, str):
        return Concept(said=text(value))
    if not isinstance(value, Mapping):
        return Concept()
    listed = children(value, "coding") or ([value] if "code" in value or "display" in value else [])
    codings = tuple(Coding(text(one.get("system")), text(one.get("code")), text(one.get("display"))) for one in listed)
    return Concept(codings, text(value.get("text")))


def concepts(body: Body, name: str) -> tuple[Concept, ...]:
    """A list of CodeableConcepts; a lone one counts as a list of one."""
    found = body.get(name)
    listed = found if isinstance(found, list) else [found]
    return tuple(one for one in map(concept, listed) if one)


def code_of(body: Body, name: str) -> str | None:
    """A status: a plain code, or the first code of a concept, in lower case."""
    found = concept(body.get(name))
    code = found.first.code or found.said
    return code.casefold() if code else None


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount. `unit` is the coded unit when there is one, else the written one; `comparator` is <, <=, > or >=."""

    value: float | None
    unit: str | None
    comparator: str | None = None


def quantity(value: object) -> Quantity:
    """A Quantity; also a bare number."""
    if not isinstance(value, Mapping):
        return Quantity(number(value), None)
    unit = text(value.get("code")) or text(value.get("unit"))
    return Quantity(number(value.get("value")), unit, text(value.get("comparator")))
