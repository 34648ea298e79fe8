"""What travels on topics, what carries it, and how that fails: the words that Kafka and its twin in memory share."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = 253_370_764_800_000
"""The year 9999 in milliseconds since the epoch: a sender may write anything."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. `at` is milliseconds since the epoch: when it was recorded."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    at: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it was read. `at` is milliseconds since the epoch: when it was recorded."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    at: int
    unreadable: str = ""
    """Why nothing but its place could be read, if that is so."""

    @property
    def mark(self) -> bytes:
        """What tells this message from one that another log holds at the same offset."""
        digest = hashlib.sha256(f"{self.at} {self.headers!r}".encode())
        for part in (self.key or b"", self.value or b""):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded, by real time. A time no clock could have shown is taken as the nearest one it could."""
        return EPOCH + timedelta(milliseconds=min(max(self.at, 0), LAST_MOMENT))


class KafkaAway(Exception):
    """Kafka did not do something in time, or said that it cannot. What was sent may or may not have arrived."""


class OffsetGone(Exception):
    """The offset to go on from is not in the topic, which was re-created or cut. Never skipped silently."""

    def __init__(self, places: Iterable[tuple[Place, int]]) -> None:
        self.places = list(places)
        super().__init__("; ".join(f"{place} at {offset}" for place, offset in self.places))


class Sender(Protocol):
    """What a relay needs to send: Kafka's producer, or its twin in memory."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all and wait for every acknowledgement. Raises KafkaAway; then nobody knows which of them arrived."""

    async def answers(self, topics: Collection[str]) -> bool:
        """Whether these topics can be asked about now, within its time-out."""

    async def stop(self) -> None:
        """Let go of the client. What was acknowledged stays."""


class Log(Protocol):
    """What a consumer needs of a log of messages: Kafka, or its twin in memory."""

    async def start(self, gained: Gained, lost: Lost) -> None:
        """Begin to read. `gained` and `lost` are called whenever partitions come or go."""

    async def read(self, wait: float, most: int, only: Collection[Place] = ()) -> dict[Place, list[Incoming]]:
        """At most `most` messages by partition, waiting up to `wait` seconds for the first.

        Of these partitions alone, should any be named. Raises OffsetGone, KafkaAway.
        """

    async def position(self, place: Place) -> int:
        """The offset that is read next; 0 while nobody has said where to go on."""

    async def ends(self) -> dict[Place, int]:
        """The offset that each partition writes next, of those that are ours. Raises KafkaAway."""

    async def recorded(self, positions: Mapping[Place, int]) -> dict[Place, datetime]:
        """When the next message of each of these positions was recorded, of as many as can be told in time."""

    async def tell(self, positions: Mapping[Place, int]) -> None:
        """Say where we are, for those who watch consumer groups. Nothing depends on it."""

    def pause(self, place: Place) -> None:
        """Read no more of a partition until it is resumed or redistributed."""

    def resume(self, place: Place) -> None:
        """Read a paused partition again."""

    def seek(self, place: Place, offset: int) -> None:
        """Go on at this offset."""

    async def stop(self) -> None:
        """Leave, within its time-out. What was read and not committed comes again."""


Gained = Callable[[set[Place]], Awaitable[Mapping[Place, int]]]
"""Called with the partitions now ours; answers with the offset to go on from in each."""

Lost = Callable[[set[Place]], Awaitable[None]]
"""Called before partitions are given to another; returns once nothing is in work for them."""
