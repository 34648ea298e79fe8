"""What Reliefpath relies on from a log of messages. Kafka and its twin in memory both have to keep it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from backbone.messages import Incoming, KafkaAway, Log, OffsetGone, Outgoing, Place, Sender
from backbone.rows import new_id


class World(Protocol):
    """A Kafka, or its twin, as the suite uses it."""

    async def topic(self, partitions: int = 1) -> str:
        """The name of a new topic."""

    def sender(self) -> Sender: ...
    def log(self, topics: list[str], group: str) -> Log: ...
    async def trim(self, place: Place, before: int) -> None:
        """Forget messages as retention does."""


@dataclass
class Member:
    """A member of a group that goes on where it is told, from the beginning unless `at` says otherwise."""

    log: Log
    at: dict[Place, int] = field(default_factory=dict)
    mine: set[Place] = field(default_factory=set)
    gains: int = 0
    losses: int = 0
    before_gain: Callable[[], Awaitable[None]] | None = None

    async def gained(self, places: set[Place]) -> Mapping[Place, int]:
        if self.before_gain is not None:
            await self.before_gain()
        self.mine = set(places)
        self.gains += 1
        return {place: self.at.get(place, 0) for place in places}

    async def lost(self, places: set[Place]) -> None:
        self.mine -= places
        self.losses += 1

    async def read(self, count: int, patience: float = 10.0) -> list[Incoming]:
        """So many messages, in the order read."""
        read: list[Incoming] = []
        async with asyncio.timeout(patience):
            while len(read) < count:
                for place, messages in (await self.log.read(0.2, 100)).items():
                    read += messages
                    self.at[place] = messages[-1].offset + 1
        return read

    async def nothing_ever(self) -> None:
        """Read on and on; fail when anything is read."""
        async with asyncio.timeout(10):
            while True:
                await self.nothing(0.2)

    async def nothing(self, wait: float = 0.4) -> None:
        """Fail when anything is read."""
        assert await self.log.read(wait, 100) == {}


async def until(condition: Callable[[], bool], patience: float = 15.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.02)


def message(topic: str, key: str, number: int = 0) -> Outgoing:
    return Outgoing(topic, key.encode(), b"%d" % number, [("n", b"%d" % number)], 1_700_000_000_000 + number)


def numbers(read: list[Incoming]) -> list[int]:
    return [int(one.value or b"") for one in read]


class BrokerSuite:
    """Inherit it, and give it a `world` fixture."""

    @asynccontextmanager
    async def member(self, world: World, topics: list[str], group: str = "", **more: object) -> AsyncIterator[Member]:
        member = Member(world.log(topics, group or f"group-{new_id()}"), **more)  # type: ignore[arg-type]  # its fields
        await member.log.start(member.gained, member.lost)
        try:
            await until(lambda: member.gains > 0)
            yield member
        finally:
            await member.log.stop()

    async def test_what_is_sent_is_read_as_it_was_sent(self, world: World) -> None:
        topic = await world.topic()
        sent = Outgoing(topic, b"key", b"\x00value", [("first", b"1"), ("second", b"\xff")], 1_700_000_000_123)
        await world.sender().send([sent])
        async with self.member(world, [topic]) as member:
            (read,) = await member.read(1)
        assert (read.topic, read.partition, read.offset) == (topic, 0, 0)
        assert (read.key, read.value, tuple(read.headers), read.at) == (
            b"key",
            b"\x00value",
            tuple(sent.headers),
            sent.at,
        )

    async def test_messages_of_one_key_share_a_partition_and_keep_their_order(self, world: World) -> None:
        topic = await world.topic(partitions=3)
        await world.sender().send([message(topic, f"key {n % 7}", n) for n in range(70)])
        async with self.member(world, [topic]) as member:
            read = await member.read(70)
        for key in {one.key for one in read}:
            of_key = [one for one in read if one.key == key]
            assert len({one.partition for one in of_key}) == 1
            assert numbers(of_key) == sorted(numbers(of_key))
        assert len({one.partition for one in read}) > 1

    async def test_later_sends_come_later(self, world: World) -> None:
        topic, sender = await world.topic(), world.sender()
        for n in range(5):
            await sender.send([message(topic, "key", 2 * n), message(topic, "key", 2 * n + 1)])
        async with self.member(world, [topic]) as member:
            assert numbers(await member.read(10)) == list(range(10))

    async def test_an_empty_send_does_nothing(self, world: World) -> None:
        await world.sender().send([])

    async def test_a_send_to_no_topic_fails_in_time(self, world: World) -> None:
        with pytest.raises(KafkaAway):
            async with asyncio.timeout(10):
                await world.sender().send([message(f"nowhere-{new_id()}", "key")])

    async def test_a_broker_answers_for_the_topics_that_it_has(self, world: World) -> None:
        here = await world.topic(2)
        assert await world.sender().answers({here, await world.topic()})
        assert not await world.sender().answers({here, "nowhere"})

    async def test_a_read_waits_no_longer_than_asked(self, world: World) -> None:
        topic = await world.topic()
        async with self.member(world, [topic]) as member:
            began = asyncio.get_running_loop().time()
            await member.nothing(0.3)
            assert 0.25 < asyncio.get_running_loop().time() - began < 10

    async def test_no_more_is_read_than_asked_and_the_rest_comes_next(self, world: World) -> None:
        topic = await world.topic()
        await world.sender().send([message(topic, "key", n) for n in range(10)])
        async with self.member(world, [topic]) as member:
            first: list[Incoming] = []
            async with asyncio.timeout(10):
                while not first:
                    first = (await member.log.read(0.5, 3)).get(Place(topic, 0), [])
            assert 1 <= len(first) <= 3
            assert numbers(first + await member.read(10 - len(first))) == list(range(10))

    async def test_a_member_goes_on_where_it_is_told(self, world: World) -> None:
        topic = await world.topic()
        await world.sender().send([message(topic, "key", n) for n in range(10)])
        async with self.member(world, [topic], at={Place(topic, 0): 6}) as member:
            assert numbers(await member.read(4)) == [6, 7, 8, 9]

    async def test_a_position_that_was_told_decides_nothing(self, world: World) -> None:
        topic, group = await world.topic(), f"group-{new_id()}"
        await world.sender().send([message(topic, "key", n) for n in range(10)])
        async with self.member(world, [topic], group) as member:
            await member.read(10)
            await member.log.tell({Place(topic, 0): 7})
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        late = Member(world.log([topic], group), before_gain=wait)
        starting = asyncio.create_task(late.log.start(late.gained, late.lost))
        try:
            with contextlib.suppress(KafkaAway):  # not started yet
                await asyncio.sleep(0.5)
                await late.nothing(1.0)
            gate.set()
            await starting
            assert numbers(await late.read(10)) == list(range(10))
        finally:
            await late.log.stop()

    async def test_a_failure_to_say_where_to_go_on_is_raised_by_the_next_read(self, world: World) -> None:
        topic = await world.topic()
        await world.sender().send([message(topic, "key")])

        async def fail() -> None:
            raise ZeroDivisionError

        member = Member(world.log([topic], f"group-{new_id()}"), before_gain=fail)
        await member.log.start(member.gained, member.lost)
        try:
            with pytest.raises(ZeroDivisionError):
                await member.nothing_ever()
        finally:
            await member.log.stop()

    async def test_two_members_share_all_partitions_and_none_twice(self, world: World) -> None:
        topic, group = await world.topic(partitions=4), f"group-{new_id()}"
        every = {Place(topic, number) for number in range(4)}
        async with self.member(world, [topic], group) as first:
            assert first.mine == every
            async with self.member(world, [topic], group) as second:
                await until(lambda: first.gains == 2)
                assert first.losses >= 1
                assert first.mine | second.mine == every
                assert not first.mine & second.mine
                assert len(first.mine) == len(second.mine) == 2
            await until(lambda: first.mine == every)

    async def test_nothing_is_lost_when_partitions_change_hands(self, world: World) -> None:
        topic, group, sender = await world.topic(partitions=2), f"group-{new_id()}", world.sender()
        positions: dict[Place, int] = {}  # as the rows of a database are: shared by both
        async with self.member(world, [topic], group, at=positions) as first:
            await sender.send([message(topic, f"key {n}", n) for n in range(20)])
            seen = numbers(await first.read(20))
            async with self.member(world, [topic], group, at=positions) as second:
                await until(lambda: first.gains == 2)
                await sender.send([message(topic, f"key {n}", n) for n in range(20, 40)])
                async with asyncio.timeout(10):
                    while len(seen) < 40:
                        for member in (first, second):
                            for place, messages in (await member.log.read(0.1, 100)).items():
                                seen += numbers(messages)
                                positions[place] = messages[-1].offset + 1
            await until(lambda: len(first.mine) == 2)
            await sender.send([message(topic, f"key {n}", n) for n in range(40, 60)])
            seen += numbers(await first.read(20))
        assert sorted(seen) == list(range(60))

    async def test_a_paused_partition_waits_while_others_go_on(self, world: World) -> None:
        one, other = await world.topic(), await world.topic()
        async with self.member(world, [one, other]) as member:
            member.log.pause(Place(one, 0))
            await world.sender().send([message(one, "key", n) for n in range(3)])
            await world.sender().send([message(other, "key", n) for n in range(3)])
            assert {read.topic for read in await member.read(3)} == {other}
            await member.nothing()
            member.log.resume(Place(one, 0))
            assert numbers(await member.read(3)) == [0, 1, 2]

    async def test_a_redistribution_ends_every_pause(self, world: World) -> None:
        topic, group = await world.topic(partitions=2), f"group-{new_id()}"
        async with self.member(world, [topic], group) as first:
            for number in range(2):
                first.log.pause(Place(topic, number))
            async with self.member(world, [topic], group):
                await until(lambda: first.gains == 2)
            await until(lambda: first.gains == 3)
            await world.sender().send([message(topic, f"key {n}", n) for n in range(8)])
            assert sorted(numbers(await first.read(8))) == list(range(8))

    async def test_what_is_asked_of_a_partition_that_is_not_ours_does_nothing(self, world: World) -> None:
        topic, foreign = await world.topic(), Place("somebody-elses", 0)
        async with self.member(world, [topic]) as member:
            member.log.pause(foreign)
            member.log.resume(foreign)
            member.log.seek(foreign, 5)
            await member.log.tell({foreign: 5})
            await member.log.tell({})
            await world.sender().send([message(topic, "key")])
            await member.read(1)

    async def test_a_member_can_go_back(self, world: World) -> None:
        topic = await world.topic()
        await world.sender().send([message(topic, "key", n) for n in range(5)])
        async with self.member(world, [topic]) as member:
            await member.read(5)
            member.log.seek(Place(topic, 0), 2)
            assert numbers(await member.read(3)) == [2, 3, 4]

    @pytest.mark.parametrize("at", [1, 9])
    async def test_an_offset_that_is_not_there_is_named_and_nothing_is_skipped(self, world: World, at: int) -> None:
        topic = await world.topic()
        await world.sender().send([message(topic, "key", n) for n in range(5)])
        await world.trim(Place(topic, 0), 3)
        async with self.member(world, [topic], at={Place(topic, 0): at}) as member:
            for _ in range(2):  # and it is not forgotten after the first time
                with pytest.raises(OffsetGone) as gone:
                    await member.nothing_ever()
                assert gone.value.places == [(Place(topic, 0), at)]

    async def test_where_an_offset_is_gone_the_other_partitions_can_go_on(self, world: World) -> None:
        cut, whole = await world.topic(), await world.topic()
        await world.sender().send([message(cut, "key", n) for n in range(5)])
        await world.trim(Place(cut, 0), 3)
        async with self.member(world, [cut, whole]) as member:
            with pytest.raises(OffsetGone):
                await member.nothing_ever()
            member.log.pause(Place(cut, 0))
            await world.sender().send([message(whole, "key", n) for n in range(3)])
            assert numbers(await member.read(3)) == [0, 1, 2]
            member.log.seek(Place(cut, 0), 3)
            member.log.resume(Place(cut, 0))
            assert numbers(await member.read(2)) == [3, 4]

    async def test_the_ends_are_those_of_our_partitions(self, world: World) -> None:
        topic, other, group = await world.topic(partitions=2), await world.topic(), f"group-{new_id()}"
        await world.sender().send([message(topic, "key", n) for n in range(5)] + [message(other, "key")])
        async with self.member(world, [topic], group) as member:
            assert sorted((await member.log.ends()).values()) == [0, 5]
            async with self.member(world, [topic], group) as second:
                await until(lambda: member.gains == 2)
                assert set(await second.log.ends()) == second.mine
                assert len(second.mine) == 1

    async def test_when_the_next_messages_were_recorded_is_told_without_reading_them(self, world: World) -> None:
        topic = await world.topic(2)
        await world.sender().send([message(topic, str(number % 6), number) for number in range(12)])
        async with self.member(world, [topic]) as member:
            read = await member.read(12)
            by_place = {place: [one for one in read if place.partition == one.partition] for place in member.mine}
            nexts = {place: there[1] for place, there in by_place.items()}
            told = await member.log.recorded({place: one.offset for place, one in nexts.items()})
            assert told == {place: one.recorded_at for place, one in nexts.items()}
            await member.nothing()
            assert await member.log.recorded({}) == {}

    async def test_a_member_without_partitions_stays_and_has_nothing_to_say(self, world: World) -> None:
        topic, group = await world.topic(), f"group-{new_id()}"
        async with self.member(world, [topic], group) as first, self.member(world, [topic], group) as second:
            await until(lambda: first.gains == 2)
            idle = second if first.mine else first
            assert idle.mine == set()
            assert await idle.log.ends() == {}
            await idle.log.tell({})
            await idle.nothing(0.2)

    async def test_after_the_end_nothing_can_be_read(self, world: World) -> None:
        topic = await world.topic()
        async with self.member(world, [topic]) as member:
            await member.log.stop()
            with pytest.raises(KafkaAway):
                await member.log.read(0.1, 10)
            await member.log.stop()
