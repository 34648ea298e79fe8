"""Messages that are heard, and what becomes of them when their reaction fails."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from backbone.database import Database, UnitOfWork
from backbone.hearing import Hearer, Reaction
from backbone.messages import Incoming
from backbone.rows import new_id
from reliefpath import events
from reliefpath.envelope import Heard
from reliefpath.events import Event, Speaker, topic_of
from tests.support.visiting.served import Served
from tests.support.visiting.world import Voice, arrived, leave_mark, read, unit

TOPIC: Final = topic_of(Speaker.SCHEDULING)
BECAUSE: Final = {"reason": "the operator looked at it"}
"""What an operator says of every act."""


class Ear:
    """A worker's hearer and the API's own, with one reaction that fails while it is told to."""

    def __init__(self, served: Served, db: Database) -> None:
        self.served, self.db, self.voice = served, db, Voice()
        self.failing = True
        self._offset = 0
        reactions: dict[type[Event], Reaction] = {events.PatientArrived: self._react}
        self.worker = Hearer("referral", reactions, tries=3)
        served.app.state.hearer = Hearer("referral", reactions, tries=1)

    async def _react(self, uow: UnitOfWork, heard: Heard) -> None:
        if self.failing and heard.attributes.seq == 1:
            raise ZeroDivisionError("Anna Meier")
        await leave_mark(uow, heard)

    async def hear(self, *given: Incoming) -> None:
        """The worker hears these."""
        async with unit(self.db) as uow:
            await self.worker.hear(uow, given, carefully=True)

    async def hear_while_locked(self, *given: Incoming) -> None:
        """The worker hears these while somebody keeps their streams locked."""
        async with unit(self.db) as uow:
            await uow.lock(*(UUID((one.key or b"").decode()) for one in given))
            await self.hear(*given)

    def say(self, stream: UUID, event: Event | None = None, **changed: Any) -> Incoming:
        """A message as Kafka hands it out."""
        self._offset += 1
        return read(self.voice.say(event or arrived(), stream, **changed), self._offset)

    async def held(self, *, events: int = 2) -> tuple[UUID, list[dict[str, Any]]]:
        """A journey whose first event failed, with others behind it; the stream and the held events in order."""
        stream = new_id()
        await self.hear(*[self.say(stream) for _ in range(events)])
        return stream, await self.shown(stream)

    async def shown(self, stream: UUID) -> list[dict[str, Any]]:
        """What is shown of the held events of a stream, in its order."""
        items = (await self.served.get("/streams/held")).json()["items"]
        return sorted((one for one in items if one["stream"] == str(stream)), key=lambda one: one["seq"])

    async def letter(self) -> dict[str, Any]:
        """A dead letter: a message without headers."""
        self._offset += 1
        topic = TOPIC
        await self.hear(
            Incoming(topic, 0, self._offset, b"key", b"secret", (("odd \x00", b"\xff"),), 1_790_000_000_000)
        )
        return dict((await self.served.get("/streams/dead-letters")).json()["items"][-1])
