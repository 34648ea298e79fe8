"""Tries: each waits longer than the one before, and a failure is told of without what it quotes."""

from __future__ import annotations

import pytest

from backbone import tries


def test_every_next_try_comes_later_until_the_longest_pause() -> None:
    delays = [tries.delay_before(attempt) for attempt in range(2, 12)]
    assert delays == sorted(delays)
    assert delays[0] > 0
    assert delays[-1] == delays[-2] == tries.RETRY_DELAYS[-1]


def test_an_error_is_told_of_by_its_type_and_place_and_not_by_what_it_quotes() -> None:
    with pytest.raises(ValueError, match="secret") as raised:
        int("secret")
    told = tries.describe(raised.value)
    assert told.startswith(f"ValueError at {__name__}:")
    assert "secret" not in told
