"""How far behind its topics a consumer is: told in its database, for its API to show, and in its metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy.dialects.postgresql import insert as upsert

from backbone import carriage
from backbone.database import UnitOfWork
from backbone.messages import Incoming, Place
from backbone.telemetry import LAG_RECORDS, LAG_SECONDS


class Lag:
    """Per partition: its end, and when the oldest of what was not heard yet was recorded.

    `following` is always where each partition of ours goes on.
    """

    def __init__(self) -> None:
        self._ends: dict[Place, int] = {}
        self._oldest: dict[Place, datetime] = {}

    def forget(self, places: Collection[Place]) -> None:
        """These are another's."""
        for place in places:
            self._ends.pop(place, None)
            self._oldest.pop(place, None)

    def note_read(self, batches: Mapping[Place, Sequence[Incoming]], following: Mapping[Place, int]) -> None:
        """These were read, and not heard yet."""
        for place, messages in batches.items():
            unheard = [one.recorded_at for one in messages if one.offset >= following.get(place, 0)]
            if unheard:
                self._oldest[place] = unheard[0]
            if place in self._ends:
                self._ends[place] = max(self._ends[place], messages[-1].offset + 1)

    def note_heard(self, place: Place) -> None:
        """What was read of a partition was heard."""
        self._oldest.pop(place, None)

    def note_ends(self, ends: Mapping[Place, int], following: Mapping[Place, int]) -> None:
        """So far each partition goes now."""
        self._ends = {place: end for place, end in ends.items() if place in following}

    def note_recorded(self, recorded: Mapping[Place, datetime]) -> None:
        """When the next message of each of these was recorded."""
        self._oldest |= recorded

    def note_waiting(self, place: Place) -> None:
        """There is something to hear, since now if nobody knows since when."""
        self._oldest.setdefault(place, datetime.now(UTC))

    @property
    def places(self) -> set[Place]:
        """The partitions whose end is known."""
        return set(self._ends)

    def behind(self, following: Mapping[Place, int]) -> set[Place]:
        """Those of which not everything was heard."""
        return {place for place, end in self._ends.items() if end > following[place]}

    def undated(self, places: Collection[Place]) -> set[Place]:
        """Those of these of which it is not known since when something waits."""
        return set(places) - self._oldest.keys()

    async def write(self, uow: UnitOfWork, following: Mapping[Place, int], begins: Mapping[Place, int]) -> None:
        """Tell it in the database. `begins` are the first offsets of partitions that cannot be read on."""
        now = datetime.now(UTC)
        rows = [
            {
                "topic": place.topic, "partition": place.partition, "next": following[place], "end": end,
                "oldest_at": self._oldest.get(place), "observed_at": now, "begins": begins.get(place),
            }
            for place, end in self._ends.items()
        ]  # fmt: skip
        if not rows:
            return
        statement = upsert(carriage.lags)
        columns = {name: statement.excluded[name] for name in ("next", "end", "oldest_at", "observed_at", "begins")}
        await uow.session.execute(
            statement.on_conflict_do_update(index_elements=["topic", "partition"], set_=columns), rows
        )

    def show(self, following: Mapping[Place, int]) -> None:
        """Tell it in the metrics. What is read by others now is theirs to show."""
        now = datetime.now(UTC)
        LAG_RECORDS.clear()
        LAG_SECONDS.clear()
        for topic in {place.topic for place in self._ends}:
            ends = {place: end for place, end in self._ends.items() if place.topic == topic}
            LAG_RECORDS.labels(topic).set(sum(max(0, end - following[place]) for place, end in ends.items()))
            oldest = [self._oldest[place] for place in ends if place in self._oldest]
            LAG_SECONDS.labels(topic).set((now - min(oldest)).total_seconds() if oldest else 0)
