"""Whatever somebody puts on the topics: it is set aside, and everybody else goes on."""

from __future__ import annotations

from tests.reliability.faults import put_in_what_nobody_said
from tests.reliability.trials import Trial


async def test_messages_of_no_stream_are_set_aside_and_stop_nobody(trial: Trial) -> None:
    await trial.run([put_in_what_nobody_said], many=2)
