"""Writers, relays, a log and a hearer whose every step can be the last. Relay and hearer are the product's own code."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from uuid import UUID

from backbone import hearing, relay
from backbone.hearing import Hearer
from backbone.inbox import Status, Stream
from backbone.messages import Incoming, Outgoing
from backbone.relay import Bucket, LostBucket, Relay
from reliefpath import events
from reliefpath.envelope import Heard, dump_headers, read_attributes
from tests.reliability.store import Boundary, Inbox, Outbox, Tables, Unit, in_turns, order
from tests.support.visiting.world import Voice, received

STREAMS = [UUID(int=number + 1) for number in range(3)]
RELAYS = 2


class World:
    """All of it. Subclasses plant bugs."""

    def __init__(self) -> None:
        self.outbox, self.tables, self.log = Outbox(), Tables(), list[Incoming]()
        self.writing: dict[UUID, tuple[int, int]] = {}
        self.said = dict.fromkeys(STREAMS, 0)
        self.failing: set[UUID] = set()
        self.relays = [Relay("", self, f"relay-{number}", 30) for number in range(RELAYS)]
        self.tasks: dict[int, Coroutine[Any, Any, Any]] = {}
        self.hearer = Hearer("simulated", {events.ReferralReceived: self.react}, 3)
        self.hearing: Coroutine[Any, Any, None] | None = None
        self.voice, self.inbox = Voice(), Inbox()

    def write(self, stream: UUID) -> None:
        """A transaction takes an xid, its stream's lock, a seq and a row id; it has not committed."""
        if stream in self.writing:
            return
        xid, seq = self.outbox.begin(), self.said[stream] + 1
        message = self.voice.say(received(), stream, seq=seq)
        self.outbox.rows.append(
            {
                "id": len(self.outbox.rows) + 1, "xid": xid, "topic": message.topic, "stream": stream,
                "headers": dump_headers(message.headers), "data": message.value, "recorded_at": datetime.now(UTC),
            }
        )  # fmt: skip
        self.writing[stream] = xid, seq

    def finish(self, stream: UUID, *, commit: bool) -> None:
        """That transaction ends."""
        if stream in self.writing:
            xid, seq = self.writing.pop(stream)
            self.outbox.end(xid, commit=commit)
            if commit:
                self.said[stream] = seq

    def own(self, number: int) -> None:
        """A relay takes the bucket over; the former owner does not know it yet."""
        self.outbox.cursor.fence += 1
        self._forget(number)
        self.relays[number]._owned = {0: Bucket(0, self.outbox.cursor.fence)}

    def _forget(self, number: int) -> None:
        """As `Relay.run` does whenever its connection ends."""
        one = self.relays[number]
        one._behind, one._ahead = set(), None
        one._owned.clear()

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """As the relays' producer sends; a process may die after any message."""
        for one in messages:
            self.log.append(Incoming(one.topic, 0, len(self.log), one.key, one.value, tuple(one.headers), one.at))
            await Boundary()

    async def answers(self, topics: Collection[str]) -> bool:
        """The log is always there."""
        return True

    async def stop(self) -> None:
        """There is nothing to let go of."""

    def step_relay(self, number: int) -> bool:
        """A relay goes on to its next boundary; whether it has reached its end."""
        if number not in self.tasks:
            self.tasks[number] = self.relays[number]._relay_once(self.outbox)
        task = self.tasks[number]
        try:
            with mock.patch.multiple(relay, BATCH=1, _while_sending=in_turns):
                task.send(None)
        except StopIteration:
            del self.tasks[number]
            return True
        except LostBucket:
            del self.tasks[number]
            self._forget(number)
            return True
        return False

    def kill_relay(self, number: int) -> None:
        """A relay dies where it is."""
        if number in self.tasks:
            self.tasks.pop(number).close()
        self._forget(number)

    async def react(self, uow: Any, heard: Heard) -> None:
        """The reaction under test: it leaves its mark, and may fail after that."""
        uow.tables.effects.append((heard.attributes.stream, heard.attributes.seq))
        if heard.attributes.stream in self.failing:
            raise ZeroDivisionError

    async def hear(self) -> None:
        """One transaction of the consumer."""
        uow = Unit(self.tables)
        messages = self.log[uow.tables.offset :][:3]
        await self.hearer.hear(uow, messages, carefully=True)  # type: ignore[arg-type]
        uow.tables.offset += len(messages)
        await Boundary()
        self.tables = uow.tables

    def step_hearer(self) -> bool:
        """The hearer goes on to its next boundary; whether it has reached its end."""
        self.hearing = self.hearing or self.hear()
        try:
            with mock.patch.multiple(hearing, inbox=self.inbox, log=mock.Mock()):
                self.hearing.send(None)
        except StopIteration:
            self.hearing = None
            return True
        return False

    def kill_hearer(self) -> None:
        """The hearer dies where it is; its transaction is rolled back."""
        if self.hearing is not None:
            self.hearing.close()
        self.hearing = None

    async def retry(self) -> None:
        """Somebody asks for every held stream to be tried again."""
        for stream in {stream for stream, _ in self.tables.held}:
            uow = Unit(self.tables)
            await self.hearer.try_held(uow, Stream(stream.speaker, stream.id), by="somebody")  # type: ignore[arg-type]
            self.tables = uow.tables

    def check(self) -> None:
        """What holds at every moment: effects are once, in order, and of what was committed; what is told is true."""
        for stream in STREAMS:
            done = order(self.tables.effects, stream)
            assert done == list(range(1, len(done) + 1)), f"{done} of {stream}"
            assert len(done) <= self.said[stream]
            held = [self.tables.held[key] for key in sorted(self.tables.held, key=lambda key: key[1])]
            held = [one for one in held if one.stream.id == stream]
            for one in held[:1]:
                assert (one.status is Status.MISSING) == (one.seq > len(done) + 1), f"{one.status} at {one.seq}"
            for one in held[1:]:
                assert (one.status, one.reason) == (Status.BEHIND, f"it waits behind seq {held[0].seq}"), one.reason

    def settle(self) -> None:
        """Everything ends, heals and is delivered; then nothing may be missing."""
        for stream in STREAMS:
            self.finish(stream, commit=True)
        for number in range(RELAYS):
            self.kill_relay(number)
        self.kill_hearer()
        self.failing.clear()
        self.own(0)
        for _ in range(len(self.outbox.rows) + 3):
            while not self.step_relay(0):
                pass
        while self.tables.offset < len(self.log):
            while not self.step_hearer():
                pass
        task = self.retry()
        with mock.patch.multiple(hearing, inbox=self.inbox, log=mock.Mock()):
            try:
                while True:
                    task.send(None)
            except StopIteration:
                pass
        self.check()
        for stream in STREAMS:
            sent = [read_attributes(one.topic, one.key, one.headers) for one in self.log]
            first = list(dict.fromkeys(one.seq for one in sent if one.stream == stream))
            assert first == sorted(first), f"{first} of {stream} were sent out of order"
            assert len(order(self.tables.effects, stream)) == self.said[stream], f"lost events of {stream}"
