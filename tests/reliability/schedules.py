"""Schedules drawn from a seed alone, for what has to be found again."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.reliability.world import RELAYS, STREAMS, World


def play(make: Callable[[], World], seed: int, steps: int = 60) -> None:
    """Play one schedule, then let everything settle. Raises AssertionError when a promise is broken."""
    chance, world = random.Random(seed), make()
    world.own(0)
    for _ in range(steps):
        stream, number = chance.choice(STREAMS), chance.randrange(RELAYS)
        match chance.randrange(12):
            case 0 | 1:
                world.write(stream)
            case 2 | 3:
                world.finish(stream, commit=chance.random() < 0.8)
            case 4 if number not in world.tasks:
                world.own(number)
            case 5 | 6 | 7:
                world.step_relay(number)
            case 8 | 9:
                world.step_hearer()
            case 10:
                if chance.random() < 0.5:
                    world.kill_hearer()
                else:
                    world.kill_relay(number)
            case 11:
                world.failing ^= {stream}
        world.check()
    world.settle()
