"""Whatever stands still or dies at whatever step: every committed event has its effect, once, in order."""

from __future__ import annotations

from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.reliability.world import RELAYS, STREAMS, World

streams, relays, steps = st.sampled_from(STREAMS), st.integers(0, RELAYS - 1), st.integers(1, 6)


class Schedules(RuleBasedStateMachine):
    """Any order of steps, pauses and deaths."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(stream=streams)
    def write(self, stream: UUID) -> None:
        self.world.write(stream)

    @rule(stream=streams, commit=st.sampled_from([True, True, False]))
    def finish(self, stream: UUID, commit: bool) -> None:
        self.world.finish(stream, commit=commit)

    @rule(number=relays)
    def own(self, number: int) -> None:
        if number not in self.world.tasks:
            self.world.own(number)

    @rule(number=relays, count=steps)
    def relay(self, number: int, count: int) -> None:
        for _ in range(count):
            self.world.step_relay(number)

    @rule(number=relays)
    def kill_relay(self, number: int) -> None:
        self.world.kill_relay(number)

    @rule(count=steps)
    def hear(self, count: int) -> None:
        for _ in range(count):
            self.world.step_hearer()

    @rule()
    def kill_hearer(self) -> None:
        self.world.kill_hearer()

    @rule(stream=streams)
    def break_or_mend(self, stream: UUID) -> None:
        self.world.failing ^= {stream}

    @invariant()
    def holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.settle()


Schedules.TestCase.settings = settings(
    max_examples=2500,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestEveryScheduleKeepsEveryEvent = Schedules.TestCase
