"""What becomes of work that failed: how it is told of, and how long it waits before it is tried again."""

from __future__ import annotations

from typing import Final

RETRY_DELAYS: Final = (0.2, 1.0, 5.0, 20.0, 60.0)
"""Seconds before the second try, the third and so on."""


def delay_before(attempt: int) -> float:
    """Seconds to wait before try number `attempt` (2 is the second)."""
    return RETRY_DELAYS[min(max(attempt - 2, 0), len(RETRY_DELAYS) - 1)]


def describe(error: BaseException) -> str:
    """An error without what it quotes: its type and where it was raised."""
    step, place = error.__traceback__, ""
    while step is not None:
        place = f"{step.tb_frame.f_globals.get('__name__')}:{step.tb_lineno}"
        step = step.tb_next
    return f"{type(error).__name__} at {place}"
