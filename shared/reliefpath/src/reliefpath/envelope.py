"""How an event travels: CloudEvents 1.0 attributes as Kafka headers, JSON data as value, the stream's id as key.

A stream is what is kept in order: a journey for everything about a patient, a facility for the directory. `seq` counts
1, 2, 3… per stream and speaker; hearers use it to drop what they heard and to notice what they missed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeVar
from uuid import UUID

from pydantic import ValidationError

from reliefpath.events import CATALOGUE, Event, Speaker, latest, split_type, topic_of
from reliefpath.vocabulary import Role

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
SOURCE_PREFIX: Final = "/reliefpath/"

MOST_SEQ: Final = 2**63 - 1
"""What a database can count to."""

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no header has reason to hold."""

Headers = Sequence[tuple[str, bytes]]

Read = TypeVar("Read")


class Unattributable(Exception):
    """A message that cannot be told to belong to any stream: it goes to the dead letters."""


class InvalidEvent(Exception):
    """A message of a known type whose data do not keep the contract: its stream is parked."""


class UnknownType(Exception):
    """A type nobody here has heard of: counted and skipped, as new events may appear at any time."""


class UnknownVersion(Exception):
    """A known type in a major version this program cannot read: its stream is parked until the program can."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused a change: a role and an opaque subject, never a name."""

    role: Role
    subject: str

    def __str__(self) -> str:
        return f"{self.role}:{self.subject}"

    @classmethod
    def parse(cls, text: str) -> Actor:
        """Read `role:subject`. Raises ValueError when the role is unknown or the subject is missing."""
        role, _, subject = text.partition(":")
        if not subject:
            raise ValueError(f"{text!r} is not role:subject")
        return cls(Role(role), subject)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Everything about an event but its data."""

    id: UUID
    type: str
    speaker: Speaker
    stream: UUID
    seq: int
    time: datetime
    cause: str
    actor: Actor
    rules: tuple[str, ...] = ()
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event was read: its place in the log, and when the log recorded it, by real time."""

    topic: str
    partition: int
    offset: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """An event together with its attributes: what a reaction is given. It has no origin when no log was read."""

    attributes: Attributes
    event: Event
    origin: Origin | None = None


def encode_headers(attributes: Attributes) -> list[tuple[str, bytes]]:
    """The attributes as CloudEvents headers in binary mode (CloudEvents Kafka protocol binding 1.0).

    Raises ValueError for one that no reader would take.
    """
    headers = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", str(attributes.id)),
        ("ce_type", attributes.type),
        ("ce_source", SOURCE_PREFIX + attributes.speaker),
        ("ce_subject", str(attributes.stream)),
        ("ce_time", attributes.time.isoformat()),
        ("ce_seq", str(attributes.seq)),
        ("ce_cause", attributes.cause),
        ("ce_actor", str(attributes.actor)),
        ("content-type", CONTENT_TYPE),
    ]
    if attributes.speaker is not Speaker.DIRECTORY:
        headers.append(("ce_journey", str(attributes.stream)))
    if attributes.rules:
        headers.append(("ce_rules", " ".join(attributes.rules)))
    if attributes.trace:
        headers.append(("traceparent", attributes.trace))
    for name, value in headers:
        if CONTROL.search(value):
            raise ValueError(f"{name} holds a control character")
    return [(name, value.encode()) for name, value in headers]


def encode_data(event: Event) -> bytes:
    """The event's data as compact JSON."""
    return event.model_dump_json(exclude_none=True).encode()


def read_attributes(topic: str, key: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Attributes:
    """Read who said what, in which stream and at which place.

    Raises Unattributable when any of it is missing, malformed or contradicts the topic or the key: such a message
    cannot be put in order, and nobody may speak on another's topic. The reason names headers, never their values.
    """
    given = _texts(headers)
    if given.get("ce_specversion") != SPEC_VERSION:
        raise Unattributable(f"ce_specversion is not {SPEC_VERSION}")
    speaker = _header(given, "ce_source", lambda value: Speaker(value.removeprefix(SOURCE_PREFIX)))
    attributes = Attributes(
        id=_header(given, "ce_id", UUID),
        type=_header(given, "ce_type", str),
        speaker=speaker,
        stream=_header(given, "ce_subject", UUID),
        seq=_header(given, "ce_seq", _seq),
        time=_header(given, "ce_time", _moment),
        cause=_header(given, "ce_cause", str),
        actor=_header(given, "ce_actor", Actor.parse),
        rules=tuple(given.get("ce_rules", "").split()),
        trace=given.get("traceparent"),
    )
    if topic_of(speaker) != topic:
        raise Unattributable(f"{speaker} does not speak on this topic")
    if key != str(attributes.stream).encode():
        raise Unattributable("the key is not the stream")
    return attributes


def _texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for number, (name, value) in enumerate(headers):
        try:
            given[name] = value.decode()
        except (UnicodeDecodeError, AttributeError):
            raise Unattributable(f"header {number + 1} is no text") from None
        if CONTROL.search(name) or CONTROL.search(given[name]):
            raise Unattributable(f"header {number + 1} holds a control character")
    return given


def _header(given: dict[str, str], name: str, read: Callable[[str], Read]) -> Read:
    if name not in given:
        raise Unattributable(f"the header {name} is missing")
    try:
        return read(given[name])
    except (ValueError, OverflowError):
        raise Unattributable(f"the header {name} is malformed") from None


def _seq(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_SEQ:
        raise ValueError
    return int(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def decode_data(attributes: Attributes, value: bytes | None) -> Event:
    """Read the data of an attributed message by the catalogue, as the latest version of its event.

    Raises UnknownType, UnknownVersion or InvalidEvent. The message of InvalidEvent names fields, never their values,
    so that it can be logged.
    """
    known = CATALOGUE.get(attributes.type)
    if known is None:
        name, _ = split_type(attributes.type)
        if any(split_type(one)[0] == name for one in CATALOGUE):
            raise UnknownVersion(attributes.type)
        raise UnknownType(attributes.type)
    if known.speaker is not attributes.speaker:
        raise InvalidEvent(f"{attributes.type} is not {attributes.speaker}'s to say")
    try:
        return latest(known.model_validate_json(value or b""))
    except ValidationError as wrong:
        places = sorted(
            {"/".join(str(part) for part in error["loc"]) + " " + error["type"] for error in wrong.errors()}
        )
        raise InvalidEvent("; ".join(places)[:500]) from None


def dump_headers(headers: Headers) -> str:
    """Headers as JSON, the form in which they wait in the outbox."""
    return json.dumps([[name, value.decode()] for name, value in headers])


def load_headers(text: str) -> list[tuple[str, bytes]]:
    """The reverse of dump_headers."""
    if "\\" not in text:  # as good as always: then quotation marks only begin and end names and values
        parts = text.encode().split(b'"')
        return list(zip(_names(tuple(parts[1::4])), parts[3::4], strict=True))
    return [(name, value.encode()) for name, value in json.loads(text)]


@lru_cache(maxsize=256)
def _names(encoded: tuple[bytes, ...]) -> tuple[str, ...]:
    """The names of headers as text, decoded once for the few combinations there are, as every relayed event has one."""
    return tuple(name.decode() for name in encoded)
